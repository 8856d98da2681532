"""Writes the first Alembic revisions from what a legacy history leaves.

`observe` reads a database at its end, `decide` finds Core's words for its columns by trying them,
`read_rows` what is in its tables. `write_script` puts a revision together from what was seen on
one or several kinds of database.
"""

from bridge.drafting.observed import Carried, Observed, observe
from bridge.drafting.pieces import NOW, of_a_virtual_table
from bridge.drafting.rows import MOMENT, Row, read_rows, why_not_inserted
from bridge.drafting.script import Part, Rows, write_script
from bridge.drafting.words import Words, decide

__all__ = [
    "MOMENT",
    "NOW",
    "Carried",
    "Observed",
    "Part",
    "Row",
    "Rows",
    "Words",
    "decide",
    "observe",
    "of_a_virtual_table",
    "read_rows",
    "why_not_inserted",
    "write_script",
]
