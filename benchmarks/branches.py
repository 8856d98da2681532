"""20 branches, 1,000 revisions: bridge's commands beside Alembic's on the same scripts.

Each command is a process of its own, as a person starts it. In each round all commands run in
turn; a ratio is that of the medians, and at most 1 is wanted. The first round is not counted: in it
Python compiles the scripts, and bridge fills its cache of the graph.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import alembic
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "tests"))

from support.alembic_projects import write_revision  # noqa: E402

SCRIPTS = Path(sysconfig.get_path("scripts"))

CREATE = 'op.create_table("{branch}", sa.Column("id", sa.Integer, primary_key=True))'
ADD = 'op.add_column("{branch}", sa.Column("c{number}", sa.Integer))'

# What the generic env.py wants.
LOGGING = """
[loggers]
keys = root
[handlers]
keys =
[formatters]
keys =
[logger_root]
level = WARNING
handlers =
"""

PAIRS = (
    (("bridge", "status"), ("alembic", "current")),
    (("bridge", "dbupdate", "--yes"), ("alembic", "upgrade", "heads")),
)


def write_branch(folder: Path, branch: str, count: int, core: str | None) -> None:
    """Write a line of revisions; its base depends on a revision of the core."""
    write_revision(
        folder,
        f"{branch}001",
        upgrade=CREATE.format(branch=branch),
        downgrade=f'op.drop_table("{branch}")',
        depends=core,
        label=branch,
    )
    for number in range(2, count + 1):
        write_revision(
            folder,
            f"{branch}{number:03}",
            f"{branch}{number - 1:03}",
            upgrade=ADD.format(branch=branch, number=number),
            downgrade=f'op.drop_column("{branch}", "c{number}")',
        )


def write_project(root: Path, branches: int, revisions: int, url: str) -> None:
    """Write the scripts, with Alembic's own generic `env.py`, and a configuration of each tool."""
    counts = [revisions // branches + (n < revisions % branches) for n in range(branches)]
    template = Path(alembic.__file__).parent / "templates" / "generic"
    (root / "core").mkdir()
    shutil.copy(template / "env.py", root / "core")
    shutil.copytree(ROOT / "legacy_migrations" / "core", root / "legacy")
    write_branch(root / "core" / "versions", "core", counts[0], None)
    modules = {f"module{n:02}": count for n, count in enumerate(counts[1:], 1)}
    for name, count in modules.items():
        write_branch(root / name, name, count, f"core{(counts[0] + 1) // 2:03}")
    locations = ["core/versions", *modules]
    (root / "alembic.ini").write_text(
        "[alembic]\nscript_location = core\npath_separator = newline\nversion_path_separator = "
        "newline\nversion_locations =\n"
        + "".join(f"    %(here)s/{location}\n" for location in locations)
        + f"sqlalchemy.url = {url.replace('%', '%%')}\n"
        + LOGGING,
        encoding="utf-8",
    )
    (root / "bridge.toml").write_text(
        f'[database]\nurl = "{url}"\n\n[alembic]\nscript_location = "core"\n\n'
        '[legacy.core]\nrepository = "legacy"\nstamp = { 14 = ["core001"] }\n'
        + "".join(
            f'\n[module.{name}]\nmigrations = "{name}"\ndepends_on = ["core"]\n' for name in modules
        ),
        encoding="utf-8",
    )


def seconds(root: Path, command: tuple[str, ...]) -> float:
    """How long a process took that ended well.

    :raises SystemExit: it did not; with what it said.
    """
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # both tools' second start is meant
    environment["XDG_CACHE_HOME"] = str(root / "cache")
    started = time.perf_counter()
    done = subprocess.run(
        [SCRIPTS / command[0], *command[1:]],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    took = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return took


def main() -> None:
    """Write the project, bring its database to the heads, measure, print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--branches", type=int, default=20)
    parser.add_argument("--revisions", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--url", default="sqlite:///app.db", help="a new, empty database")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_project(root, options.branches, options.revisions, options.url)
        seconds(root, ("bridge", "dbupdate", "--yes"))
        commands = [command for pair in PAIRS for command in pair]
        times: dict[tuple[str, ...], list[float]] = {command: [] for command in commands}
        for round_ in range(options.rounds + 1):
            for command in commands:
                took = seconds(root, command)
                if round_:  # the first one warms the caches
                    times[command].append(took)
    table = Table(title=f"{options.branches} branches, {options.revisions} revisions")
    for heading in ("bridge", "seconds", "alembic", "seconds ", "ratio"):
        table.add_column(heading, justify="left" if "e " not in heading else "right")
    for ours, theirs in PAIRS:
        mine, other = (statistics.median(times[command]) for command in (ours, theirs))
        table.add_row(
            " ".join(ours), f"{mine:.2f}", " ".join(theirs), f"{other:.2f}", f"{mine / other:.2f}"
        )
    Console(width=100).print(table)


if __name__ == "__main__":
    sys.exit(main())
