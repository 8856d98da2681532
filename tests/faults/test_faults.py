"""A run that is killed at any statement, or refused one, is finished by the next."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from faults.harness import Harness
from support.databases import Database
from support.projects import TOP, Project

OLD = "core-v03"
EVERY = int(os.environ.get("FAULT_EVERY", "397"))


@pytest.mark.skipif(
    not sa.__version__.startswith("1.4"), reason="long: it runs with SQLAlchemy 1.4 only"
)
@pytest.mark.parametrize("fails", [False, True], ids=["killed", "refused"])
@pytest.mark.parametrize("method", ["live", "auto", "auto, sealed now"])
@pytest.mark.parametrize("dialect", ["sqlite", "postgresql", "mariadb"])
def test_a_run_of_the_sample_that_stops_is_finished_by_the_next(
    dialect: str,
    method: str,
    fails: bool,
    sample: Project,
    tmp_path: Path,
    make_database: Callable[[str], Database],
) -> None:
    def old() -> Database:
        database = make_database(dialect)
        database.load(TOP / "snapshots" / OLD)
        return database

    method, _, sealed = method.partition(", ")
    if sealed:
        if dialect != "mariadb":
            pytest.skip("only there a newer seal says more of a version's statements")
        url = make_database(dialect).url
        sample.bridge(url).freeze([url], sqlite=False, update=["core", "likes"])
    outcome = Harness(old, sample.root, tmp_path, method=method).run(
        every=EVERY, first=max(1, EVERY // (6 if fails else 2)), fails=fails
    )
    print(f"\n{dialect}, {method}: {outcome}")
    assert outcome.wrong == {}
