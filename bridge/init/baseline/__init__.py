"""Writes the first Alembic revisions from what a legacy history leaves.

`observe` reads a database at its end, `decide` finds Core's types and defaults for its columns by
trying them, `read_rows` reads what is in its tables. `write_script` puts a revision together from
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
