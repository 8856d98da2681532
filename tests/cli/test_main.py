"""The command line's whole outputs, as a person, a log and a program get them."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from click.testing import Result
from support.databases import Database, ServerDatabase
from support.projects import (
    Project,
    copy_project,
    invoke,
    timeless,
    write_revisions,
    write_shop,
    write_versions,
)
from support.warm import BridgePopen

from bridge import __version__


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return copy_project("shop", tmp_path / "shop")


@pytest.fixture
def old(sqlite_database: Database) -> Database:
    """The shop at legacy version 2, its reviews at 1, with rows."""
    write_shop(sqlite_database, 2)
    sqlite_database.execute("CREATE TABLE reviews (id INTEGER PRIMARY KEY, item_id INTEGER)")
    write_versions(sqlite_database, ("Shop", 2), ("Reviews", 1))
    return sqlite_database


def ahead(database: Database) -> Database:
    write_shop(database, 3)
    write_versions(database, ("Shop", 9))
    return database


def outcome(result: Result) -> tuple[int, str, str]:
    return result.exit_code, timeless(result.stdout), timeless(result.stderr)


def document(result: Result) -> Any:
    """The JSON document that is all of standard output, its times taken out."""
    return json.loads(timeless(result.stdout).replace("#", "0"))


HEADS = ["coupons_ends", "reviews_text", "shop_stock"]


def backup_of(database: Database, number: str = "#") -> str:
    """The name of a backup as `timeless` leaves it, or as `document` does with "0"."""
    return f"{database.engine().url.database}.{number}.bridge-backup"


# --- for people ---------------------------------------------------------------------------


def test_status(project: Project, old: Database) -> None:
    assert outcome(project.run("status", url=old)) == (
        0,
        f"""\
Database         {old.url}
State            legacy
Legacy shop      version 2 of 3
Legacy reviews   version 1 of 2
Alembic current  nothing yet
Alembic targets  coupons_ends, reviews_text, shop_stock
Pending          8 steps; run: bridge dbupdate
""",
        "",
    )


PLAN = """\
1  run legacy  shop 3                   live
2  run legacy  reviews 2                live
3  stamp       reviews_base, shop_base  the hand-over to Alembic
4  upgrade     shop_notes               shop: A note on each order.
5  upgrade     shop_stock               shop: How many there are.
6  upgrade     reviews_text             reviews: What people wrote.
7  upgrade     coupons_base             coupons: Coupons: younger than the move to Alembic.
8  upgrade     coupons_ends             coupons: When a coupon ends.
"""


@pytest.mark.parametrize("command", [["plan"], ["dbupdate", "--dry-run"]])
def test_plan(project: Project, old: Database, command: list[str]) -> None:
    before = old.contents()
    expected = (0, f"{old.url} is legacy.\n{PLAN}", "")
    assert outcome(project.run(*command, url=old)) == expected
    assert old.contents() == before


@pytest.mark.process
def test_dbupdate_and_once_more(project: Project, old: Database) -> None:
    project.write("alembic/env.py", "from bridge.revisions import run_environment\n"
                  "run_environment()\n")  # fmt: skip
    assert outcome(project.run("dbupdate", url=old)) == (
        0,
        f"""\
Backup: {backup_of(old)} (# kB)
1/8  run legacy shop 3  # s
2/8  run legacy reviews 2  # s
3/8  stamp reviews_base, shop_base  # s
4/8  upgrade shop_notes  # s
5/8  upgrade shop_stock  # s
6/8  upgrade reviews_text  # s
7/8  upgrade coupons_base  # s
8/8  upgrade coupons_ends  # s
Done: 8 steps in # s; the database is at coupons_ends, reviews_text, shop_stock.
""",
        "",
    )
    nothing = "Nothing to do: the database is at coupons_ends, reviews_text, shop_stock.\n"
    assert outcome(project.run("dbupdate", url=old)) == (0, nothing, "")
    assert outcome(project.run("plan", url=old)) == (
        0,
        f"{old.url} is alembic.\nNothing to do.\n",
        "",
    )
    assert outcome(project.run("status", url=old)) == (
        0,
        f"""\
Database         {old.url}
State            alembic
Legacy shop      version 3 of 3, handed over
Legacy reviews   version 2 of 2, handed over
Alembic current  coupons_ends, reviews_text, shop_stock
Alembic targets  coupons_ends, reviews_text, shop_stock
Pending          nothing: the database is at heads
""",
        "",
    )


def test_status_of_a_legacy_module_that_is_off(project: Project, sqlite_database: Database) -> None:
    project.replace("bridge.toml", '"alembic/reviews"', '"alembic/reviews"\nenabled = false')
    write_shop(sqlite_database, 3)
    write_versions(sqlite_database, ("Shop", 3), ("Reviews", 1))
    shown = project.run("status", url=sqlite_database).output
    assert "State            handing over\n" in shown
    assert "Legacy reviews   version 1 of 2; switched off, left alone\n" in shown


def test_status_of_a_module_that_is_off(project: Project, sqlite_database: Database) -> None:
    project.replace("bridge.toml", '"alembic/coupons"', '"alembic/coupons"\nenabled = false')
    write_revisions(sqlite_database, ["shop_notes", "coupons_base"])
    assert outcome(project.run("status", url=sqlite_database)) == (
        0,
        f"""\
Database         {sqlite_database.url}
State            dormant
Legacy shop      handed over
Legacy reviews   not installed here
Alembic current  coupons_base, shop_notes
Alembic targets  reviews_text, shop_stock
Dormant          coupons (switched off; left alone at coupons_base)
Pending          3 steps; run: bridge dbupdate
""",
        "",
    )


REFUSAL = """\
Error [state-ahead] The legacy repository shop is at version 9 in this database; this code knows \
1 to 3: a newer release of the app wrote it.
State of the data: The database is unchanged.
What to do: Use that release of the app, or a later one.
"""


def test_status_of_a_state_that_is_refused(project: Project, sqlite_database: Database) -> None:
    database = ahead(sqlite_database)
    assert outcome(project.run("status", url=database)) == (
        0,
        f"""\
Database         {database.url}
State            ahead
Legacy shop      version 9 of 3
Legacy reviews   not installed here
Alembic current  nothing yet
Alembic targets  coupons_ends, reviews_text, shop_stock
Pending          refused, see below

{REFUSAL}""",
        "",
    )


@pytest.mark.parametrize("command", [["plan"], ["dbupdate"], ["dbupdate", "--dry-run"]])
def test_what_is_refused_goes_to_standard_error(
    project: Project, sqlite_database: Database, command: list[str]
) -> None:
    database = ahead(sqlite_database)
    assert outcome(project.run(*command, url=database)) == (5, "", REFUSAL)


# --- for programs -------------------------------------------------------------------------


def test_status_as_json(project: Project, old: Database) -> None:
    result = project.run("status", "--json", url=old)
    assert (result.exit_code, result.stderr) == (0, "")
    assert document(result) == {
        "state": "legacy",
        "database": old.url,
        "legacy": {
            "shop": {"repository_id": "Shop", "version": 2, "last": 3},
            "reviews": {"repository_id": "Reviews", "version": 1, "last": 2},
        },
        "alembic": {"current": [], "targets": HEADS},
        "pending": 8,
    }


PLAN_DOCUMENT = {
    "state": "legacy",
    "steps": [
        {"kind": "run_legacy", "repository": "shop", "version": 3, "how": "live"},
        {"kind": "run_legacy", "repository": "reviews", "version": 2, "how": "live"},
        {"kind": "stamp", "revisions": ["reviews_base", "shop_base"]},
        {"kind": "upgrade", "revision": "shop_notes", "branch": "shop"},
        {"kind": "upgrade", "revision": "shop_stock", "branch": "shop"},
        {"kind": "upgrade", "revision": "reviews_text", "branch": "reviews"},
        {"kind": "upgrade", "revision": "coupons_base", "branch": "coupons"},
        {"kind": "upgrade", "revision": "coupons_ends", "branch": "coupons"},
    ],
}


@pytest.mark.parametrize("command", [["plan"], ["dbupdate", "--dry-run"]])
def test_plan_as_json(project: Project, old: Database, command: list[str]) -> None:
    result = project.run(*command, "--json", url=old)
    assert (result.exit_code, result.stderr) == (0, "")
    assert document(result) == PLAN_DOCUMENT


@pytest.mark.process
def test_dbupdate_as_json_and_once_more(project: Project, old: Database) -> None:
    """Standard output is the document alone, whatever env.py and the scripts print."""
    script = project.root / "legacy/shop/versions/003_orders.py"
    script.write_text(script.read_text().replace("):\n", '):\n    print("legacy")\n'))
    project.replace("alembic/versions/shop_stock.py", "upgrade():", 'upgrade():\n    print("U")')
    result = project.run("dbupdate", "--json", url=old)
    assert result.exit_code == 0
    assert document(result) == {
        "outcome": "upgraded",
        "steps": [{**step, "status": "done", "seconds": 0} for step in PLAN_DOCUMENT["steps"]],  # type: ignore[dict-item]
        "current": HEADS,
        "backup": {"file": backup_of(old, "0"), "size": 0},
        "rows": {
            "coupons": {"before": None, "after": 0},
            "items": {"before": 1, "after": 1},
            "orders": {"before": None, "after": 0},
            "reviews": {"before": 0, "after": 0},
        },
        "fewer_rows": [],
    }
    assert {"The words of an env.py.", "U"} <= set(result.stderr.splitlines())
    again = project.run("dbupdate", "--json", url=old)
    assert (again.exit_code, document(again), again.stderr) == (
        0,
        {"outcome": "nothing_to_do", "steps": [], "current": HEADS},
        "",
    )


@pytest.mark.process
def test_seconds_are_a_number(project: Project, old: Database) -> None:
    steps = json.loads(project.run("dbupdate", "--json", url=old).stdout)["steps"]
    assert all(0 <= step["seconds"] < 60 for step in steps)


@pytest.mark.process
@pytest.mark.parametrize("command", ["status", "plan", "dbupdate"])
def test_what_scripts_print_when_they_are_read_is_kept_out_of_the_json(
    project: Project, old: Database, command: str
) -> None:
    path = project.root / "alembic/versions/shop_stock.py"
    path.write_text(path.read_text() + '\nprint("read")\n')
    result = project.run(command, "--json", url=old)
    assert result.exit_code == 0
    assert document(result)
    assert "read" in result.stderr.splitlines()


def test_status_as_json_of_a_state_that_is_refused(
    project: Project, sqlite_database: Database
) -> None:
    result = project.run("status", "--json", url=ahead(sqlite_database))
    assert result.exit_code == 0
    assert {key: document(result)[key] for key in ("state", "pending", "problem")} == {
        "state": "ahead",
        "pending": None,
        "problem": AHEAD,
    }


AHEAD = {
    "code": "state-ahead",
    "message": "The legacy repository shop is at version 9 in this database; this code knows 1 to "
    "3: a newer release of the app wrote it.",
    "help": "Use that release of the app, or a later one.",
    "state_of_data": "The database is unchanged.",
}


@pytest.mark.parametrize("command", ["plan", "dbupdate"])
def test_errors_as_json(project: Project, sqlite_database: Database, command: str) -> None:
    result = project.run(command, "--json", url=ahead(sqlite_database))
    assert (result.exit_code, result.stderr) == (5, "")
    assert document(result) == {"error": AHEAD}


@pytest.mark.process
def test_an_error_in_the_middle_carries_what_was_done(project: Project, old: Database) -> None:
    project.replace("alembic/versions/shop_notes.py", "orders ADD", "no_such_table ADD")
    result = project.run("dbupdate", "--json", "--no-backup", url=old)
    assert result.exit_code == 8
    script = project.root / "alembic/versions/shop_notes.py"
    assert (
        document(result)
        == {
            "error": {
                "code": "revision-failed",
                "message": f"The Alembic revision shop_notes ({script}) failed: "
                "no such table: no_such_table"
                f"\nSQL: ALTER TABLE no_such_table ADD COLUMN note VARCHAR(200)\n"
                f"At: {script}, line 12",
                "help": "Fix the error above, then run: bridge dbupdate",
                "state_of_data": "The 3 steps before it stay done, up to 'stamp reviews_base, "
                "shop_base'. What the revision shop_notes had done is rolled back.",
                "steps": [
                    {**step, "status": "done", "seconds": 0}  # type: ignore[dict-item]
                    for step in PLAN_DOCUMENT["steps"][:3]
                ],
            }
        }
    )
    project.replace("alembic/versions/shop_notes.py", "no_such_table ADD", "orders ADD")
    again = document(project.run("dbupdate", "--json", url=old))
    assert [step["revision"] for step in again["steps"]] == [
        "shop_notes",
        "shop_stock",
        "reviews_text",
        "coupons_base",
        "coupons_ends",
    ]


# --- exit statuses ------------------------------------------------------------------------


@pytest.mark.process
def test_exit_code_of_status(project: Project, old: Database) -> None:
    def exit_code(*more: str) -> int:
        return project.run("status", *more, url=old).exit_code

    assert (exit_code(), exit_code("--exit-code"), exit_code("--exit-code", "--json")) == (
        0,
        10,
        10,
    )
    assert project.run("dbupdate", url=old).exit_code == 0
    assert exit_code("--exit-code") == 0
    old.execute("UPDATE migrate_version SET version = 9 WHERE repository_id = 'Shop'")
    assert (exit_code(), exit_code("--exit-code")) == (0, 5)


def fails_with(project: Project, *arguments: str, url: str | None = None) -> tuple[int, str]:
    """The status and the code of the error of a command, which text and JSON agree on."""
    text = project.run(*arguments, url=url)
    as_json = project.run(*arguments, "--json", url=url)
    error = document(as_json)["error"]
    assert (text.exit_code, text.stdout) == (as_json.exit_code, "")
    said = f"Error [{error['code']}] {error['message']}\n"
    said += f"State of the data: {error['state_of_data']}\nWhat to do: {error['help']}\n"
    assert text.stderr == said
    return as_json.exit_code, error["code"]


def test_each_family_of_errors_has_its_status(project: Project, tmp_path: Path) -> None:
    (tmp_path / "x.db").touch()
    good = f"sqlite:///{tmp_path}/x.db"
    assert fails_with(project, "status", url="nothing") == (4, "database-unreachable")
    assert fails_with(project, "plan", url=f"sqlite:///{tmp_path}/gone/x.db")[0] == 4
    project.configure("database", 'foundations = "nosuchmodule:f"')
    assert fails_with(project, "dbupdate", url=good) == (9, "hook-failed")
    broken = project.write("alembic/versions/broken.py", "raise SystemError")
    assert fails_with(project, "plan", url=good) == (8, "revisions-invalid")
    broken.unlink()
    project.configure("legacy.shop", "x = 1")
    assert fails_with(project, "status", url=good) == (3, "config-invalid")
    project.file.unlink()
    assert fails_with(project, "status", url=good) == (3, "config-missing")


@pytest.mark.process
def test_a_legacy_script_that_fails(project: Project, old: Database) -> None:
    script = project.write(
        "legacy/shop/versions/003_orders.py",
        "def upgrade(migrate_engine):\n"
        '    migrate_engine.execute("CREATE TABLE orders (id INTEGER)")\n'
        '    migrate_engine.execute("INSERT INTO no_such_table VALUES (1)")\n',
    )
    result = project.run("dbupdate", "--json", "--no-backup", url=old)
    assert (result.exit_code, document(result)) == (
        7,
        {
            "error": {
                "code": "legacy-failed",
                "message": "Version 3 of the legacy repository shop failed "
                f"({script}, line 3):\nOperationalError: no such table: no_such_table\n"
                "SQL: INSERT INTO no_such_table VALUES (1)",
                "help": "Fix the error above, then run: bridge dbupdate",
                "state_of_data": "The database is at version 2 of shop, as its row says; version 3 "
                "has changed nothing.",
            }
        },
    )


def test_a_defect_of_bridges_own_is_told_without_a_traceback(
    project: Project, old: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("bridge.upgrade.detect.read_facts", fail)
    assert outcome(project.run("status", url=old)) == (
        1,
        "",
        "Error [internal] bridge met an unexpected error: ZeroDivisionError: "
        "division by zero\n"
        "State of the data: Finished steps stay done.\n"
        "What to do: Run it again with --debug, and report what it prints.\n"
        "See where the database stands: bridge status\n",
    )
    assert (
        "\nZeroDivisionError: division by zero\n"
        in project.run("status", "--debug", url=old).stderr
    )


@pytest.mark.process
@pytest.mark.parametrize(
    ("comment", "state"),
    [
        ("", "The database is unchanged. What 'legacy shop 3' had done is rolled back."),
        (
            "# VACUUM",
            "Statements of 'legacy shop 3' that had run may have stayed: restore a backup before "
            "you run it again, or undo them by hand.",
        ),
    ],
)
def test_interrupted_in_a_step(
    project: Project, old: Database, monkeypatch: pytest.MonkeyPatch, comment: str, state: str
) -> None:
    def interrupt(*_: object, **_more: object) -> None:
        raise KeyboardInterrupt

    (script,) = project.root.glob("legacy/shop/versions/003*.py")
    script.write_text(script.read_text() + comment)
    monkeypatch.setattr("bridge.legacy.client.LegacyClient.run", interrupt)
    result = project.run("dbupdate", url=old)
    assert result.exit_code == 130
    restore = f"bridge restore {backup_of(old)}"
    assert timeless(result.stderr) == (
        "Error [interrupted] Interrupted in the step 'legacy shop 3'.\n"
        f"State of the data: {state}\n"
        f"What to do: Run it again: bridge dbupdate\nOr restore the backup: {restore}\n"
    )


def test_an_empty_url_is_not_the_configurations(project: Project) -> None:
    result = project.run("status", url="")
    assert result.exit_code == 2
    assert "Invalid value for '--url': is empty" in result.stderr


def test_interrupted(project: Project, old: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bridge.upgrade.detect.read_facts", interrupt)
    assert outcome(project.run("dbupdate", url=old)) == (
        130,
        "",
        "Error [interrupted] Interrupted.\n"
        "State of the data: Finished steps stay done, the one that was running may be half "
        "done.\n"
        "What to do: Run it again: bridge dbupdate\n"
        "See where the database stands: bridge status\n",
    )


# --- on a terminal ------------------------------------------------------------------------


def typed(project: Project, database: Database, answer: str, *command: str) -> tuple[int, str]:
    """`bridge dbupdate` on a terminal, where somebody types `answer`: status and what it shows."""
    ours, theirs = pty.openpty()
    process = BridgePopen(
        [sys.executable, "-m", "bridge", *(command or ("dbupdate",)), "--url", database.url],
        cwd=project.root,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(theirs)
    os.write(ours, f"{answer}\n".encode())
    shown = b""
    with contextlib.suppress(OSError):  # how a terminal ends that nobody writes to any more
        while block := os.read(ours, 65536):
            shown += block
    os.close(ours)
    plain = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]|\r", b"", shown).decode()
    return process.wait(), plain


@pytest.mark.process
def test_on_a_terminal_the_plan_is_shown_before_the_question(
    project: Project, old: Database
) -> None:
    before = old.contents()
    status, shown = typed(project, old, "n")
    assert status == 5
    assert re.search(r"(?s)8 +upgrade +coupons_ends.*Go on\? \[Y/n\]", shown)
    assert shown.endswith(
        "Error [not-confirmed] The plan was not confirmed.\n"
        "State of the data: The database is unchanged.\n"
        "What to do: Run it again: bridge dbupdate\n"
    )
    assert old.contents() == before


@pytest.mark.process
def test_on_a_terminal_enter_means_yes(project: Project, old: Database) -> None:
    status, shown = typed(project, old, "")
    assert status == 0
    assert re.search(r"(?s)Go on\? .*8/8  upgrade coupons_ends .*\nDone: 8 steps in ", shown)


@pytest.mark.process
def test_on_a_terminal_enter_does_not_remove_a_module(
    project: Project, sqlite_database: Database
) -> None:
    project.bridge(sqlite_database).dbupdate()
    before = sqlite_database.contents()
    status, shown = typed(project, sqlite_database, "", "modules", "remove", "coupons")
    assert status == 5
    assert re.search(r"(?s)2 +downgrade +coupons_base.*Go on\? \[y/N\]", shown)
    assert shown.endswith("What to do: Run it again: bridge modules remove coupons\n")
    assert sqlite_database.contents() == before


# --- modules ------------------------------------------------------------------------------


def test_modules_are_listed(project: Project, sqlite_database: Database) -> None:
    project.bridge(sqlite_database).dbupdate()
    project.replace("bridge.toml", '"alembic/coupons"', '"alembic/coupons"\nenabled = false')
    project.configure("module.gone", 'migrations = "gone"', "enabled = false")
    listed = """\
reviews  on             reviews_text  reviews_text
coupons  off            coupons_ends  coupons_ends
gone     not installed  -             -
"""
    result = project.run("modules", "list", url=sqlite_database)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(listed)
    listing = json.loads(project.run("modules", "--json", url=sqlite_database).stdout)
    assert listing["modules"][1] == {
        "name": "coupons",
        "switch": "off",
        "current": ["coupons_ends"],
        "heads": ["coupons_ends"],
        "problem": None,
    }


def test_a_module_is_removed(project: Project, sqlite_database: Database) -> None:
    project.bridge(sqlite_database).dbupdate()
    asked = project.run("modules", "remove", "coupons", "--json", url=sqlite_database)
    error = document(asked)["error"]
    assert (asked.exit_code, error["code"], error["help"]) == (
        5,
        "not-confirmed",
        "Run it again with --yes: bridge modules remove coupons --yes",
    )
    remove = ("modules", "remove", "coupons", "--yes")
    failed = project.run(*remove, "--json", "--no-backup", url=sqlite_database)
    error = document(failed)["error"]
    assert (failed.exit_code, error["code"], error["help"]) == (
        8,
        "revision-failed",
        "Fix the error above, then run: bridge modules remove coupons",
    )
    for name, undo in (("ends", "ALTER TABLE coupons DROP COLUMN ends"),
                       ("base", "DROP TABLE coupons")):  # fmt: skip
        script = f"alembic/coupons/coupons_{name}.py"
        project.replace(script, "raise NotImplementedError", f'op.execute("{undo}")')
    result = project.run(*remove, "--json", "--no-backup", url=sqlite_database)
    assert result.exit_code == 0
    assert document(result) == {
        "outcome": "removed",
        "steps": [
            {"kind": "downgrade", "revision": revision, "branch": "coupons", "status": "done",
             "seconds": 0}
            for revision in ("coupons_ends", "coupons_base")
        ],
        "current": ["reviews_text", "shop_stock"],
        "rows": {
            "coupons": {"before": 0, "after": None},
            **{name: {"before": 0, "after": 0} for name in ("items", "orders", "reviews")},
        },
        "fewer_rows": [],
    }  # fmt: skip
    assert "The module is still on: dbupdate would install it again." in result.stderr
    again = project.run(*remove, url=sqlite_database)
    assert again.stdout == "Nothing to do: the database is at reviews_text, shop_stock.\n"


def test_a_new_revision_is_told_with_its_file(project: Project, sqlite_database: Database) -> None:
    project.bridge(sqlite_database).dbupdate()
    project.write("alembic/script.py.mako", "revision = ${repr(up_revision)}\n"
                  "down_revision = ${repr(down_revision)}\n")  # fmt: skip
    result = project.run(
        "revision", "--branch", "coupons", "-m", "Colours", "--rev-id", "new", url=sqlite_database
    )
    path = project.root / "alembic/coupons/new_colours.py"
    assert outcome(result) == (0, f"Written: {path}\n", "")
    assert path.read_text() == "revision = 'new'\ndown_revision = 'coupons_ends'\n"


# --- usage --------------------------------------------------------------------------------


USAGE = {
    "nonsense": (
        "[OPTIONS] COMMAND [ARGS]...",
        "bridge",
        "No such command 'nonsense'.",
    ),
    "plan a": ("[OPTIONS]", "bridge plan", "Got unexpected extra argument (a)"),
    "dbupdate --url": (None, None, "Option '--url' requires an argument."),
}


@pytest.mark.parametrize("line", USAGE)
def test_usage_errors(line: str) -> None:
    options, command, message = USAGE[line]
    usage = f"Usage: {command} {options}\nTry '{command} --help' for help.\n\n" if command else ""
    arguments = line.split()
    assert outcome(invoke(*arguments)) == (2, "", f"{usage}Error: {message}\n")


def test_usage_errors_as_json() -> None:
    result = invoke("status", "--json", "a")
    assert (result.exit_code, result.stderr) == (2, "")
    assert document(result) == {
        "error": {
            "code": "usage",
            "message": "Got unexpected extra argument (a)",
            "help": "bridge --help",
            "state_of_data": "Nothing was done.",
        }
    }


def test_version() -> None:
    assert outcome(invoke("--version")) == (0, f"bridge, version {__version__}\n", "")


def test_help_without_a_command_names_the_commands() -> None:
    text = invoke("--help").stdout
    for command in ("status", "plan", "dbupdate", "alembic", "runtime"):
        assert re.search(rf"^  {command} ", text, re.MULTILINE)


@pytest.mark.parametrize("command", ["status", "plan", "dbupdate"])
def test_debug_shows_a_traceback_and_nothing_else_does(
    project: Project, tmp_path: Path, command: str
) -> None:
    url = f"sqlite:///{tmp_path}/gone/x.db"
    plain = project.run(command, url=url)
    assert "Traceback" not in plain.output
    shown = project.run(command, "--debug", url=url)
    assert shown.stderr.startswith("Traceback (most recent call last):\n")
    assert shown.stderr.endswith(plain.stderr)
    as_json = project.run(command, "--debug", "--json", url=url)
    assert document(as_json)["error"]["code"] == "database-unreachable"
    assert "Traceback" in as_json.stderr


# --- where the database is named ----------------------------------------------------------


def test_url_wins_over_the_environment_and_that_over_the_file(
    project: Project, tmp_path: Path
) -> None:
    project.configure("database", 'url = "sqlite:///of_the_file.db"')

    def named(*arguments: str, **environment: str) -> str:
        result = invoke(
            "status", "--json", "--config", str(project.file), *arguments, environment=environment
        )
        database: str = document(result)["database"]
        return database

    # The file's own is relative to the file, not to where one happens to stand.
    assert named() == f"sqlite:///{project.root}/of_the_file.db"
    elsewhere = f"sqlite:///{tmp_path}/environment.db"
    assert named(BRIDGE_DATABASE_URL=elsewhere) == elsewhere
    assert named(BRIDGE_DATABASE_URL="") == f"sqlite:///{project.root}/of_the_file.db"
    given = f"sqlite:///{tmp_path}/given.db"
    assert named("--url", given, BRIDGE_DATABASE_URL=elsewhere) == given


def test_the_configuration_is_found_upward(
    project: Project, old: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root / "alembic/versions")
    assert invoke("status", "--url", old.url).exit_code == 0


# --- Alembic's own command line -----------------------------------------------------------


@pytest.mark.process
def test_alembics_own_commands(project: Project, old: Database) -> None:
    project.run("dbupdate", url=old)
    heads = project.run("alembic", url=old, after=["heads"])
    assert (heads.exit_code, sorted(heads.stdout.splitlines())) == (
        0,
        [
            "coupons_ends (coupons) (head)",
            "reviews_text (reviews) (head)",
            "shop_stock (shop) (head)",
        ],
    )
    current = project.run("alembic", url=old, after=["current"])
    assert current.exit_code == 0
    assert {"coupons_ends (head)", "reviews_text (head)", "shop_stock (head)"} <= set(
        current.stdout.splitlines()
    )


def test_alembics_complaint_is_an_error_of_bridges(project: Project, old: Database) -> None:
    result = project.run("alembic", url=old, after=["upgrade", "nowhere"])
    assert (result.exit_code, result.stderr) == (
        8,
        "Error [revisions-invalid] alembic upgrade nowhere: Can't locate revision identified by "
        "'nowhere'\nState of the data: What the command did before the error may be in the "
        "database.\nWhat to do: See: bridge alembic --help\n"
        "See where the database stands: bridge status\n",
    )


# --- secrets ------------------------------------------------------------------------------

SECRETS = ["hunter2", "100%@home/:", "a'b\"c d", "%%s%(x)s"]


def outputs(project: Project, url: str) -> list[str]:
    """All that bridge can be made to say about a database that it cannot open."""
    return [
        project.run(command, *more, url=url).output
        for command in ("status", "dbupdate")
        for more in ([], ["--json"], ["--debug"])
    ]


def forms(secret: str) -> set[str]:
    """A password in every spelling in which a message could have it."""
    return {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]}


@pytest.mark.server
@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("dialect", ["postgresql", "mariadb"])
def test_a_wrong_password_is_told_without_it(
    project: Project, request: pytest.FixtureRequest, dialect: str, secret: str
) -> None:
    server = request.getfixturevalue(f"{dialect}_server")
    url = server.url(server.maintenance_database, password=secret)
    for output in outputs(project, url):
        assert re.search(r"password authentication failed|Access denied", output)
        assert not [form for form in forms(secret) if form in output]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("dialect", ["postgresql", "mysql+pymysql"])
def test_a_host_that_cannot_be_reached_is_told_without_the_password(
    project: Project, dialect: str, secret: str
) -> None:
    # Nothing listens on port 1 of this machine.
    url = f"{dialect}://someone:{quote(secret, safe='')}@127.0.0.1:1/shop"
    for output in outputs(project, url):
        assert "database-unreachable" in output
        assert "someone:***@127.0.0.1:1/shop" in output
        assert not [form for form in forms(secret) if form in output]


@pytest.mark.process
def test_a_good_password_is_in_no_output(project: Project, database: Database) -> None:
    """The servers' own passwords are random and full of what breaks careless code."""
    write_shop(database, 2)
    write_versions(database, ("Shop", 2), ("Reviews", 0))
    project.write(
        "alembic/env.py",
        "from alembic import context\nfrom bridge.revisions import run_environment\n"
        'assert context.config.get_main_option("sqlalchemy.url")\nrun_environment()\n',
    )
    script = project.root / "alembic/versions/shop_stock.py"
    script.write_text(
        script.read_text()
        .replace("op.execute(", 'raise ValueError("no way to " + url())\n    op.execute(')
        .replace("def upgrade", 'def url():\n    from alembic import context\n\n'
                 '    return context.config.get_main_option("sqlalchemy.url")\n\n\ndef upgrade')
    )  # fmt: skip
    told = [
        project.run(*command, url=database).output
        for command in (["status"], ["plan"], ["dbupdate"], ["dbupdate", "--json"], ["status"])
    ]
    assert "revision-failed" in told[2]
    assert "no way to " in told[2]
    if isinstance(database, ServerDatabase):
        for output in told:
            assert not [form for form in forms(database.server.password) if form in output]
            assert database.server.password[:16] not in output


def test_a_url_in_a_wrong_place_keeps_its_password(project: Project) -> None:
    url = "postgresql://someone:hunter2/x:@@host/shop"
    shown = "Got unexpected extra argument (postgresql://someone:***@host/shop)"
    text = project.run("status", url)
    assert (text.exit_code, text.stderr.splitlines()[-1]) == (2, f"Error: {shown}")
    as_json = project.run("status", "--json", url)
    assert (as_json.exit_code, document(as_json)["error"]["message"]) == (2, shown)
    for output in (text.output, as_json.output, project.run("plan", f"--nonsense={url}").output):
        assert "hunter2" not in output
    project.configure("database", f'url = ["{url}"]')
    assert "hunter2" not in project.run("status").output


def test_the_password_in_the_query_is_hidden_too(project: Project) -> None:
    url = "postgresql://someone@127.0.0.1:1/shop?password=hunter2"
    assert all("hunter2" not in output for output in outputs(project, url))


@pytest.mark.process
def test_a_reader_that_goes_away_does_not_stop_an_upgrade(project: Project, old: Database) -> None:
    """`bridge dbupdate | head -1` must not leave the database half-way."""
    command = [sys.executable, "-m", "bridge", "dbupdate", "--config", str(project.file)]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([*command, "--url", old.url], stdout=write, check=False)
    os.close(write)
    assert done.returncode == 0
    assert project.bridge(old).dbupdate().outcome == "nothing_to_do"
