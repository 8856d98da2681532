"""The first Alembic revisions, written from the result of a legacy history.

`observe` reads a database at the end of the history. `decide` finds SQLAlchemy Core's types and
defaults for its columns by trial, `read_rows` reads its rows. `write_script` writes a revision from
what was seen on one or several kinds of database.
"""

from __future__ import annotations

from bridge.init.baseline.constraints import NOW, of_a_virtual_table
from bridge.init.baseline.observe import Carried, Observed, observe
from bridge.init.baseline.rows import MOMENT, Row, read_rows, why_not_inserted
from bridge.init.baseline.script import Part, Rows, write_script
from bridge.init.baseline.types import ColumnSource, decide

__all__ = [
    "MOMENT",
    "NOW",
    "Carried",
    "ColumnSource",
    "Observed",
    "Part",
    "Row",
    "Rows",
    "decide",
    "observe",
    "of_a_virtual_table",
    "read_rows",
    "why_not_inserted",
    "write_script",
]
