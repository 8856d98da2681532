"""The command line on the old databases of real projects, as an administrator's script runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from real.histories import HISTORIES, Load, Project, content
from support.databases import Database
from support.legacy_projects import LEGACY_SIDE

pytestmark = [pytest.mark.real, LEGACY_SIDE]


def run(config: Path, database: Database, *arguments: str) -> tuple[int, dict[str, Any]]:
    """The exit status and the document on standard output, which must be JSON and nothing else."""
    url = database.engine().url
    done = subprocess.run(
        [sys.executable, "-m", "bridge", *arguments, "--json", "--config", str(config)],
        env={**os.environ, "BRIDGE_DATABASE_URL": database.url},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if url.password:
        assert str(url.password) not in done.stdout + done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, document


@pytest.mark.parametrize(
    ("version", "dialect"), [(2, "sqlite"), (41, "postgresql"), (44, "mariadb")]
)
def test_glance_is_taken_to_the_heads(
    version: int,
    dialect: str,
    project: Callable[[str], Project],
    load: Load,
    tmp_path: Path,
) -> None:
    glance = HISTORIES["glance"]
    database = load(f"glance/v{version:03}", dialect)
    config = project("glance").write_toml(tmp_path / "bridge.toml")

    exit_status, status = run(config, database, "status", "--exit-code")
    assert (exit_status, status["state"]) == (10, "legacy")
    assert status["legacy"]["glance"] == {
        "repository_id": "Glance Migrations",
        "version": version,
        "last": 45,
    }

    exit_status, report = run(config, database, "dbupdate")
    assert (exit_status, report["outcome"]) == (0, "upgraded")
    assert report["current"] == [glance.head]
    assert len(report["steps"]) == status["pending"]
    kinds = [step["kind"] for step in report["steps"]]
    assert kinds.count("run_legacy") == 45 - version
    assert kinds[45 - version :].index("stamp") == 0

    there = content(database)
    exit_status, again = run(config, database, "dbupdate")
    assert (exit_status, again["outcome"], again["steps"]) == (0, "nothing_to_do", [])
    assert run(config, database, "status", "--exit-code")[0] == 0
    assert content(database) == there


def test_a_script_that_fails_is_told_as_json_with_the_steps_before_it(
    project: Callable[[str], Project], load: Load, tmp_path: Path
) -> None:
    database = load("trove/v037", "postgresql")
    config = project("trove").write_toml(tmp_path / "bridge.toml")

    exit_status, document = run(config, database, "dbupdate")

    assert exit_status == 7
    error = document["error"]
    assert error["code"] == "legacy-failed"
    assert "040_module_priority.py" in error["message"]
    assert "SQL: ALTER TABLE modules ADD priority_apply" in error["message"]
    assert "at version 39 of trove" in error["state_of_data"]
    assert [step["version"] for step in error["steps"]] == [38, 39]
