"""The methods of running a legacy version, as far as the scripts' text tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.legacy.methods import read_non_transactional
from bridge.model.repository import Repository

PYTHON = {
    # what a script has: on SQLite, on PostgreSQL
    "engine.execute('VACUUM')": ("VACUUM", "VACUUM"),
    "engine.execute('''\n  -- now\n  VACUUM FULL notes;\n''')": ("VACUUM", "VACUUM"),
    "# VACUUM, as sqlalchemy-migrate runs it": ("VACUUM", "VACUUM"),
    "'It needs no VACUUM, and is not run CONCURRENTLY.'": (None, None),
    "VACUUM = 1": (None, None),
    "sa.Enum('ATTACH', 'DISCARD', 'vacuum')": (None, None),
    "'vacuum the rooms'": (None, None),
    "engine.execute('SELECT 1; PRAGMA foreign_keys = OFF')": ("PRAGMA foreign_keys =", None),
    "engine.execute('PRAGMA foreign_keys')": (None, None),
    "engine.execute('PRAGMA main.journal_mode=%s' % mode)": ("PRAGMA main.journal_mode=", None),
    "engine.execute(f\"ALTER TYPE {name} ADD VALUE 'new'\")": (
        None,
        "ALTER TYPE {name} ADD VALUE",
    ),
    "engine.execute('CREATE INDEX CONCURRENTLY i ON notes (text)')": (None, "CONCURRENTLY"),
    "engine.execute('REFRESH MATERIALIZED VIEW CONCURRENTLY notes')": (None, None),
    "sa.create_engine(engine.url)": ("create_engine", "create_engine"),
    "print 'Python 2'; engine.execute(ur'VACUUM')": ("VACUUM", "VACUUM"),
}


def repository(path: Path, file: str, text: str) -> Repository:
    (path / "versions").mkdir()
    (path / "versions" / file).write_text(text)
    return Repository("app", "app", (1,), {}, path=path)


@pytest.mark.parametrize("text", PYTHON)
def test_of_a_python_script_its_strings_and_comments_are_read(tmp_path: Path, text: str) -> None:
    found = repository(tmp_path, "001_notes.py", text)
    reasons = [read_non_transactional(found, d, {1}) for d in ("sqlite", "postgresql", "mysql")]
    assert reasons == [{1: reason} if reason else {} for reason in (*PYTHON[text], None)]


@pytest.mark.parametrize(
    ("file", "dialects"),
    [
        ("001_default_upgrade.sql", ["sqlite", "postgresql"]),
        ("001_sqlite_upgrade.sql", ["sqlite"]),
        ("001_mysql_upgrade.sql", []),
    ],
)
def test_a_script_of_sql_is_read_for_its_database(
    tmp_path: Path, file: str, dialects: list[str]
) -> None:
    found = repository(tmp_path, file, "INSERT INTO notes VALUES ('VACUUM');\nVACUUM;\n")
    reasons = {d: read_non_transactional(found, d, {1}) for d in ("sqlite", "postgresql", "mysql")}
    assert {d for d, reason in reasons.items() if reason == {1: "VACUUM"}} == {*dialects}
