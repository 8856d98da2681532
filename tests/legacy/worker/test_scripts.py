"""Which scripts are chosen, and how their files are read."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support.databases import Database, SQLiteDatabase
from support.legacy_projects import (
    BASE,
    CREATE_NOTES,
    LEGACY_SIDE,
    LegacyProject,
    add_note,
    legacy_python,
    notes,
    run_sqlalchemy_migrate,
    script,
)
from support.projects import write_versions

pytestmark = LEGACY_SIDE
MakeDatabase = Callable[[str], Database]


def sql_note(text: str) -> str:
    return f"INSERT INTO notes (text) VALUES ('{text}');\n"


def test_sql_scripts_are_chosen_as_sqlalchemy_migrate_does(
    project: LegacyProject, make_database: MakeDatabase, database: Database
) -> None:
    scripts: dict[str, str | bytes] = {"001_notes": CREATE_NOTES}
    for dialect in ("sqlite", "postgresql", "mysql", "default"):
        scripts[f"002_own_{dialect}_upgrade.sql"] = sql_note(f"own {dialect}")
    scripts |= {
        "002_own": add_note("own python"),
        "003_default_default_upgrade.sql": sql_note("default"),
        "003_default_oracle_upgrade.sql": sql_note("oracle"),
        "003_default": add_note("default python"),
        "004_python_postgres_upgrade.sql": sql_note("old name"),
        "004_python_oracle_upgrade.sql": sql_note("oracle"),
        "004_python_sqlite_downgrade.sql": sql_note("downgrade"),
        "004_python": add_note("python"),
    }
    repository = project.repository(scripts)
    other = make_database(database.dialect)
    run_sqlalchemy_migrate(other, repository, 0)
    write_versions(database, ("app", 0), path=str(repository))
    project.update(database)
    mine = database.engine().dialect.name
    assert notes(database) == [f"own {mine}", "default", "python"]
    assert database.rows(["alembic_version"]) == other.rows()


def test_a_script_for_postgres_serves_postgresql_where_there_is_no_other(
    project: LegacyProject, make_database: MakeDatabase
) -> None:
    database = make_database("postgresql")
    project.repository(
        {"001_notes": CREATE_NOTES, "002_old_postgres_upgrade.sql": sql_note("old name")}
    )
    project.update(database)
    assert notes(database) == ["old name"]


COMMENTED = """\
-- A comment; with a semicolon, an ' and a "
BEGIN;
INSERT INTO notes (text) VALUES ('a;b -- no comment');
/* another;
   comment */
INSERT INTO notes (text)
VALUES ('it''s');
COMMIT;

"""


def test_sql_scripts_have_comments_marks_letters_and_long_statements(
    project: LegacyProject, make_database: MakeDatabase, database: Database
) -> None:
    # The drivers of the servers take a single "%" for a parameter; SQLite's does not.
    percent = "%" if database.dialect == "sqlite" else "%%"
    long = ", ".join(f"('{number}')" for number in range(4000))
    repository = project.repository(
        {
            "001_notes": CREATE_NOTES,
            "002_a_default_upgrade.sql": COMMENTED,
            "003_b_default_upgrade.sql": COMMENTED.replace("\n", "\r\n"),
            "004_c_default_upgrade.sql": sql_note(f"100{percent}"),
            "005_d_default_upgrade.sql": sql_note("Grüße, 東京").encode(),
            "006_e_default_upgrade.sql": b"",
            "007_f_default_upgrade.sql": b"\xef\xbb\xbf" + sql_note("mark").encode(),
            "008_g_default_upgrade.sql": f"INSERT INTO notes (text) VALUES {long};",
        }
    )
    other = make_database(database.dialect)
    run_sqlalchemy_migrate(other, repository, 0, 6)  # the others it cannot run
    project.update(database)
    texts = ["a;b -- no comment", "it's"]
    expected = [*texts, *texts, "100%", "Grüße, 東京"]
    assert notes(other) == expected
    assert notes(database) == [*expected, "mark", *map(str, range(4000))]


BODIES = {
    "postgresql": """\
CREATE FUNCTION mark() RETURNS trigger AS $body$
BEGIN
    -- a comment; inside
    IF NEW.text = 'x;y' THEN
        NEW.text := NEW.text || ' marked';
    END IF;
    RETURN NEW;
END;
$body$ LANGUAGE plpgsql;
CREATE TRIGGER marks BEFORE INSERT ON notes FOR EACH ROW EXECUTE PROCEDURE mark();
INSERT INTO notes (text) VALUES ('x;y');
""",
    "sqlite": """\
CREATE TRIGGER marks AFTER INSERT ON notes
BEGIN
    UPDATE notes SET text = text || ' marked' WHERE id = NEW.id AND text = 'x;y';
    UPDATE notes SET text = text WHERE id = NEW.id;
END;
INSERT INTO notes (text) VALUES ('x;y');
""",
    "mariadb": """\
CREATE TRIGGER marks BEFORE INSERT ON notes FOR EACH ROW
BEGIN
    SET NEW.text = CONCAT(NEW.text, ' marked');
END;
INSERT INTO notes (text) VALUES ('x;y');
""",
}


def test_functions_and_triggers_are_one_statement(
    project: LegacyProject, database: Database
) -> None:
    project.repository(
        {"001_notes": CREATE_NOTES, "002_body_default_upgrade.sql": BODIES[database.dialect]}
    )
    project.update(database)
    assert notes(database) == ["x;y marked"]


def test_scripts_have_marks_cookies_and_line_ends_of_their_time(
    project: LegacyProject, database: Database
) -> None:
    latin = "# -*- coding: latin-1 -*-\n" + script(add_note("Grüße"))
    project.repository(
        {
            "001_notes": CREATE_NOTES,
            "002_latin.py": latin.encode("latin-1"),
            "003_utf.py": script(add_note("東京")).encode(),
            "004_mark.py": b"\xef\xbb\xbf" + script(add_note("mark")).encode(),
            "005_dos.py": script(add_note("dos")).replace("\n", "\r\n").encode(),
            "006_form_feed.py": script(add_note("\\f")).replace("def", "\f\ndef", 1).encode(),
        }
    )
    project.update(database)
    assert notes(database) == ["Grüße", "東京", "mark", "dos", "\f"]


def test_a_script_in_an_encoding_that_it_does_not_name_is_refused(
    project: LegacyProject, sqlite_database: Database
) -> None:
    project.repository(
        {
            "001_latin.py": script("x = 'Grüße'").encode("latin-1"),
            "002_latin_sqlite_upgrade.sql": sql_note("Grüße").encode("latin-1"),
            "003_null.py": b"\0",
        }
    )
    found = project.problems(sqlite_database)
    assert [line.partition(":")[0].partition(",")[0] for line in found] == [
        "001_latin.py", "002_latin_sqlite_upgrade.sql", "003_null.py",
    ]  # fmt: skip
    assert "it is not valid Python 3: (unicode error) 'utf-8' codec can't decode" in found[0]
    assert "the file cannot be read: 'utf-8' codec can't decode byte 0xfc" in found[1]
    assert "null bytes" in found[2]


def test_what_python_has_cached_of_another_file_does_not_run(
    project: LegacyProject, sqlite_database: Database
) -> None:
    repository = project.repository({"001_notes": CREATE_NOTES, "002_it": add_note("new")})
    path = repository / "versions/002_it.py"
    source, times = path.read_text(encoding="utf-8"), (1_600_000_000, 1_600_000_000)
    path.write_text(source.replace("new", "old"), encoding="utf-8")
    os.utime(path, times)
    # By the interpreter that will run it.
    python = str(legacy_python())
    subprocess.run([python, "-m", "py_compile", path], check=True)
    path.write_text(source, encoding="utf-8")
    os.utime(path, times)
    assert list(path.parent.glob("__pycache__/002_it.*.pyc"))
    project.update(sqlite_database)
    assert notes(sqlite_database) == ["new"]


def test_odd_places_are_found(
    project: LegacyProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = '100% müde leute & "co"'
    project.repository(
        {"001_notes": CREATE_NOTES, "002_end": add_note("x")}, at=f"{odd}/repository"
    )
    (tmp_path / "link").symlink_to(project.root / odd / "repository")
    (tmp_path / odd).mkdir()
    monkeypatch.chdir(tmp_path)
    for number, place in enumerate((project.root / odd / "repository", Path("../link"))):
        database = SQLiteDatabase(tmp_path / odd / f"{number}.sqlite")
        project.tables["app"]["repository"] = str(place)
        project.install(database)
        # Relative to the working directory, as on a command line.
        report = project.bridge(f"sqlite:///{odd}/{number}.sqlite").dbupdate()
        assert report.outcome == "upgraded"
        assert notes(database) == ["x"]
        database.drop()


def test_what_editors_and_python_leave_behind_is_no_script(
    project: LegacyProject, sqlite_database: Database
) -> None:
    bad = "raise RuntimeError\n"
    left = ("001_notes.py~", "001_notes.py.orig", "001_notes.pyc", "003_gone.pyc", ".001_x.py.swp")
    project.repository(
        {
            "001_notes": CREATE_NOTES,
            "002_end": add_note("x"),
            **dict.fromkeys(left, bad),
            "__pycache__/001_notes.cpython-311.pyc": b"\0",
            "old/001_notes.py": bad,
            "README.md": "004",
            "01_short.py": bad,
        }
    )
    project.tables["app"]["stamp"] = {2: [BASE]}
    project.update(sqlite_database)
    assert notes(sqlite_database) == ["x"]
