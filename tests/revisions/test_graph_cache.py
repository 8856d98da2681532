"""The cache of what the scripts say: it is found again, never believed too long, never missed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.alembic_projects import create_table, write_env, write_revision
from support.databases import Database
from support.legacy_projects import ONCE

from bridge import Bridge
from bridge.revisions import graph_cache

pytestmark = ONCE

COUNT = 101
LAST = f"one{COUNT:03}"


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A core of one table, with many revisions."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    # The scripts have just been written; here that is no reason to wait.
    monkeypatch.setattr(graph_cache, "SETTLED_SECONDS", -3600.0)
    versions = write_env(tmp_path / "alembic") / "versions"
    write_revision(versions, "one001", upgrade=create_table("items"))
    for number in range(2, COUNT + 1):
        write_revision(versions, f"one{number:03}", f"one{number - 1:03}")
    (tmp_path / "bridge.toml").write_text('[alembic]\nscript_location = "alembic"\n')
    return tmp_path


def entries(app: Path) -> list[Path]:
    return list((app / "cache").rglob("*.json"))


def heads(app: Path) -> tuple[str, ...]:
    return Bridge.from_config(app / "bridge.toml").project.graph.heads()


def was_read(app: Path) -> bool:
    """Whether a new command reads the scripts themselves."""
    bridge = Bridge.from_config(app / "bridge.toml")
    _ = bridge.project.graph
    return "revisions" in vars(bridge)


def test_the_second_command_finds_the_graph_of_the_first(app: Path) -> None:
    first = Bridge.from_config(app / "bridge.toml").project.graph
    (entry,) = entries(app)
    second = Bridge.from_config(app / "bridge.toml").project.graph
    assert not was_read(app)
    assert second.revisions == first.revisions
    assert (second.targets(), second.off) == (first.targets(), first.off)
    assert list(entry.parent.iterdir()) == [entry]


@pytest.mark.process
def test_a_command_with_nothing_to_do_does_not_import_alembic(
    app: Path, sqlite_database: Database
) -> None:
    Bridge.from_config(app / "bridge.toml", url=sqlite_database.url).dbupdate()
    program = (
        "import sys; from bridge.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "finally: print(sorted({'alembic', 'sqlalchemy.orm'} & set(sys.modules)))"
    )
    for command, words in (("status", "at heads"), ("dbupdate", "Nothing to do")):
        done = subprocess.run(
            [sys.executable, "-c", program, command, "--url", sqlite_database.url],
            cwd=app,
            env={**os.environ},
            capture_output=True,
            text=True,
            check=True,
        )
        assert words in done.stdout
        assert done.stdout.endswith("[]\n")


def add(app: Path) -> None:
    write_revision(app / "alembic/versions", "new", LAST)


def change(app: Path) -> None:
    """As long as it was and as old; only the inode tells."""
    path = app / f"alembic/versions/{LAST}.py"
    times = path.stat()
    text = path.read_text().replace(f"revision = '{LAST}'", "revision = 'one_xx'")
    path.write_text(text)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def remove(app: Path) -> None:
    (app / f"alembic/versions/{LAST}.py").unlink()


def rename(app: Path) -> None:
    """The same file in another's place."""
    path = app / f"alembic/versions/{LAST}.py"
    path.write_text(path.read_text().replace(LAST, "another"))
    path.rename(path.with_name("a.py"))


def module(app: Path) -> None:
    write_revision(app / "plugin", "plugged")
    (app / "bridge.toml").write_text(
        '[alembic]\nscript_location = "alembic"\n[module.plugin]\nmigrations = "plugin"\n'
    )


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (add, ("new",)),
        (change, ("one_xx",)),
        (remove, (f"one{COUNT - 1:03}",)),
        (rename, ("another",)),
        (module, (LAST, "plugged")),
    ],
)
def test_what_changes_is_read_again(
    app: Path, how: Callable[[Path], None], expected: tuple[str, ...]
) -> None:
    assert heads(app) == (LAST,)
    how(app)
    assert heads(app) == expected
    assert heads(app) == expected
    assert not was_read(app)


def test_a_module_that_is_switched_changes_the_graph(app: Path) -> None:
    module(app)
    assert heads(app) == (LAST, "plugged")
    text = (app / "bridge.toml").read_text()
    (app / "bridge.toml").write_text(f"{text}enabled = false\n")
    assert heads(app) == (LAST,)


def test_targets_are_kept(app: Path) -> None:
    target = 'script_location = "alembic"\ntargets = ["one042"]\n'
    (app / "bridge.toml").write_text(f"[alembic]\n{target}")
    assert not Bridge.from_config(app / "bridge.toml").project.graph.disabled("one042")
    assert Bridge.from_config(app / "bridge.toml").project.graph.targets() == ("one042",)
    assert not was_read(app)


def test_an_alembic_ini_is_one_of_the_files(app: Path) -> None:
    ini = app / "alembic.ini"
    ini.write_text("[alembic]\nscript_location = %(here)s/alembic\n")
    (app / "bridge.toml").write_text('[alembic]\nconfig = "alembic.ini"\n')
    assert heads(app) == (LAST,)
    assert not was_read(app)
    write_revision(app / "more", "more")
    ini.write_text(
        "[alembic]\nscript_location = %(here)s/alembic\npath_separator = newline\n"
        "version_locations =\n    %(here)s/alembic/versions\n    %(here)s/more\n"
    )
    assert heads(app) == ("more", LAST)


def test_folders_below_are_not_watched_and_so_not_cached(app: Path) -> None:
    (app / "alembic.ini").write_text(
        "[alembic]\nscript_location = %(here)s/alembic\nrecursive_version_locations = true\n"
    )
    (app / "bridge.toml").write_text('[alembic]\nconfig = "alembic.ini"\n')
    assert heads(app) == (LAST,)
    assert entries(app) == []


def test_a_single_script_is_worth_a_file(app: Path) -> None:
    for number in range(2, COUNT + 1):
        (app / f"alembic/versions/one{number:03}.py").unlink()
    assert heads(app) == ("one001",)
    assert len(entries(app)) == 1
    assert not was_read(app)


def test_no_script_at_all_is_not(app: Path) -> None:
    for path in (app / "alembic/versions").glob("*.py"):
        path.unlink()
    assert heads(app) == ()
    assert entries(app) == []


def test_the_files_of_the_configurations_that_were_read_last_are_kept(
    app: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_cache, "KEPT", 2)
    text = (app / "bridge.toml").read_text()
    written = []
    for name in ("one", "two", "three"):
        (app / f"{name}.toml").write_text(text)
        _ = Bridge.from_config(app / f"{name}.toml").project.graph
        (new,) = {*entries(app)} - {*written}
        os.utime(new, (len(written), len(written)))
        written.append(new)
    assert sorted(entries(app)) == sorted(written[1:])


def test_what_was_written_just_now_may_change_unseen(
    app: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_cache, "SETTLED_SECONDS", 3600.0)
    assert heads(app) == (LAST,)
    assert entries(app) == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"key": 1', "null"])
def test_a_cache_that_cannot_be_used_is_written_anew(app: Path, text: str) -> None:
    assert heads(app) == (LAST,)
    (entry,) = entries(app)
    good = entry.read_text()
    entry.write_text(text)
    assert heads(app) == (LAST,)
    assert entry.read_text() == good


def test_a_cache_folder_that_cannot_be_made_is_done_without(app: Path) -> None:
    (app / "cache").write_text("a file")
    assert heads(app) == (LAST,)
    assert heads(app) == (LAST,)


def test_what_writes_reads_the_scripts_themselves(app: Path, sqlite_database: Database) -> None:
    """Even where the cache were wrong: it is made so here."""
    assert heads(app) == (LAST,)
    (entry,) = entries(app)
    document = json.loads(entry.read_text())
    document["revisions"] = document["revisions"][-3:]  # Alembic's walk is from the heads down
    entry.write_text(json.dumps(document))
    report = Bridge.from_config(app / "bridge.toml", url=sqlite_database.url).dbupdate()
    assert len(report.steps) == COUNT
    assert report.current == (LAST,)
    assert "items" in sqlite_database.rows()
