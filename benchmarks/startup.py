"""What a command with nothing to do costs: bridge's beside Alembic's, on the sample at its heads.

Both tools read the same scripts and the same SQLite file; Alembic has its own generic env.py and
its own alembic.ini. Each command is a process of its own, of which the CPU seconds count, its own
and the system's. The two of a pair run one after the other, in turns each of them first; the ratio
is the median of the pairs'. The first pair is not counted: in it Python compiles.

Ends with 1 where a ratio is above what is wanted.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import statistics
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import sqlalchemy
from alembic import command
from alembic.config import Config

ROOT = Path(__file__).parent.parent
SCRIPTS = Path(sysconfig.get_path("scripts"))

WANTED = 0.65

PAIRS = (
    (("bridge", "status"), ("alembic", "current")),
    (("bridge", "dbupdate"), ("alembic", "upgrade", "heads")),
)

SETTLED_SECONDS = 2.5
"""bridge keeps nothing of scripts that have just been written."""


def write_project(root: Path) -> None:
    """Copy the sample, and give Alembic a configuration of the same scripts and database."""
    for folder in ("legacy_migrations", "alembic_migrations"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "bridge.toml", root)
    ini = Config(root / "alembic.ini", stdout=io.StringIO())
    command.init(ini, str(root / "generic"), template="generic")
    locations = [
        f"%(here)s/alembic_migrations/{name}" for name in ("versions", "likes", "messages")
    ]
    text = (root / "alembic.ini").read_text(encoding="utf-8")
    lines = [
        line for line in text.splitlines() if not line.startswith(("sqlalchemy.url", "path_s"))
    ]
    place = lines.index("[alembic]") + 1
    lines[place:place] = [
        "sqlalchemy.url = sqlite:///media.db",
        "path_separator = newline",
        "version_path_separator = newline",
        "version_locations =",
        *(f"    {location}" for location in locations),
    ]
    (root / "alembic.ini").write_text("\n".join(lines) + "\n", encoding="utf-8")


def cpu_seconds(root: Path, words: tuple[str, ...]) -> float:
    """Return what a command took of the processor.

    :raises SystemExit: it failed.
    """
    environment = {**os.environ, "XDG_CACHE_HOME": str(root / "cache")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # both tools' second start is meant
    log = root / "log"
    writing = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    os.chdir(root)
    child = os.posix_spawn(
        SCRIPTS / words[0],
        words,
        environment,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 1, str(log), writing, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
    )
    _child, status, usage = os.wait4(child, 0)
    if status:
        raise SystemExit(f"{' '.join(words)} failed:\n{log.read_text(encoding='utf-8')}")
    return usage.ru_utime + usage.ru_stime


def measure(root: Path, ours: tuple[str, ...], theirs: tuple[str, ...], count: int) -> list[float]:
    """Run pairs of commands; return bridge's seconds by Alembic's, of each pair."""
    ratios = []
    for number in range(count + 1):
        order = (ours, theirs) if number % 2 else (theirs, ours)
        took = {words: cpu_seconds(root, words) for words in order}
        if number:
            ratios.append(took[ours] / took[theirs])
    return ratios


def main() -> int:
    """Write the project, bring its database to the heads, measure, print; return the status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=21)
    options = parser.parse_args()
    print(f"SQLAlchemy {sqlalchemy.__version__}, Python {sys.version.split()[0]}")
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_project(root)
        time.sleep(SETTLED_SECONDS)
        cpu_seconds(root, ("bridge", "dbupdate", "--yes"))
        for ours, theirs in PAIRS:
            ratios = measure(root, ours, theirs, options.pairs)
            low, ratio, high = statistics.quantiles(ratios, n=4)
            names = f"{' '.join(ours)} / {' '.join(theirs)}"
            print(f"{names:<42}{ratio:.2f}  (quartiles {low:.2f}, {high:.2f}; wanted {WANTED})")
            worst = max(worst, ratio)
    return int(worst > WANTED)


if __name__ == "__main__":
    sys.exit(main())
