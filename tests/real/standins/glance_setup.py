"""A `setup` hook: the clock stands still and random ids are counted.

A run by bridge and one by sqlalchemy-migrate alone can then be compared row by row.
"""

from __future__ import annotations

import datetime as dt
import itertools
import uuid

from glance.common import timeutils


def setup(_engine: object) -> None:
    numbers = itertools.count(1)
    uuid.uuid4 = lambda: uuid.UUID(int=next(numbers))
    timeutils.utcnow.override_time = dt.datetime(2020, 2, 2)
