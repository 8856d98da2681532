"""A `setup` hook: what the app's configuration would say of the library's database."""

from __future__ import annotations

import masakari.conf
from sqlalchemy.engine import Engine


def setup(engine: Engine) -> None:
    url = engine.url.render_as_string(hide_password=False)
    masakari.conf.CONF.taskflow.connection = url
