"""Generated columns: what Alembic does not compare."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from support.databases import Database

from bridge.revisions.generated import generated_differences

TABLE = "CREATE TABLE sums (a INTEGER, b INTEGER GENERATED ALWAYS AS (a * 2) STORED, c INTEGER)"


def sums(b: sa.Computed | None, c: sa.Computed | None = None) -> sa.Table:
    columns = (
        sa.Column(name, sa.Integer, *([text] if text is not None else []))
        for name, text in (("a", None), ("b", b), ("c", c))
    )
    return sa.Table("sums", sa.MetaData(), *columns)


@pytest.mark.parametrize(
    ("b", "c", "said"),
    [
        (sa.Computed("a*2", persisted=True), None, []),
        (sa.Computed("a * 3", persisted=True), None, ["sums.b is generated as ", "* 3"]),
        (None, None, ["sums.b is generated as ", "and not generated in the models"]),
        (
            sa.Computed("a * 2", persisted=True),
            sa.Computed("a + 1", persisted=True),
            ["sums.c is not generated, and generated as "],
        ),
    ],
    ids=["the same", "another expression", "a plain column", "plain in the database"],
)
def test_generated_columns_are_compared(
    make_database: Callable[[str], Database],
    database: Database,
    b: sa.Computed | None,
    c: sa.Computed | None,
    said: list[str],
) -> None:
    database.execute(TABLE)
    empty = make_database(database.dialect)
    found = generated_differences([sums(b, c)], database.engine(), empty.engine())
    assert len(found) == bool(said)
    for part in said:
        assert part in found[0]


def test_models_that_cannot_be_created_are_told(make_database: Callable[[str], Database]) -> None:
    database, empty = make_database("sqlite"), make_database("sqlite")
    database.execute(TABLE)
    (told,) = generated_differences(
        [sums(sa.Computed("no_such_function(a)"))], database.engine(), empty.engine()
    )
    assert told.startswith("the models cannot be created to compare them: ")
