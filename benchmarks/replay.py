"""glance's legacy history on an empty database: replayed, beside its scripts and the client.

Three ways take an empty database through all 45 versions: sqlalchemy-migrate's own API, bridge's
replay of the frozen history with its ported versions, and the database's own client, which reads
the recorded SQL from a file, a transaction a version. In each round all of them run in turn on new
databases; a ratio is that of the medians. The first round is not counted.

No way's imports count: sqlalchemy-migrate's process has upgraded another database before.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from real.frozen import freeze  # noqa: E402
from real.histories import HISTORIES, Project, fetch  # noqa: E402
from support.databases import Database, MariaDBDatabase, PostgreSQLDatabase, SQLiteDatabase  # noqa: E402
from support.projects import write_versions  # noqa: E402
from support.servers import MariaDB, PostgreSQL, Server  # noqa: E402

from bridge.database.rendering import with_end  # noqa: E402
from bridge.database.servers import family  # noqa: E402
from bridge.model.steps import RunLegacy  # noqa: E402

if TYPE_CHECKING:
    from bridge.model.frozen import Recording

WAYS = ("migrate", "replay", "call", "client")
# Of sqlalchemy-migrate's seconds to bridge's, and of bridge's to the client's.
WANTED = {"sqlite": ">= 20", "postgresql": ">= 5", "mariadb": ""}

Make = Callable[[], Database]


@contextlib.contextmanager
def places(folder: Path, dialects: list[str]) -> Iterator[tuple[dict[str, Make], list[str]]]:
    """Yield what makes a new database of each kind, and URLs of databases on the servers."""
    numbers = itertools.count(1)
    found: dict[str, Make] = {}
    urls = []
    with contextlib.ExitStack() as stack:

        def on(server: Server, kind: type[PostgreSQLDatabase | MariaDBDatabase]) -> Make:
            stack.enter_context(server)

            def make() -> Database:
                database = kind(server, f"glance_{next(numbers)}")
                if kind is MariaDBDatabase:  # as such databases have it
                    database.execute("ALTER DATABASE CHARACTER SET = utf8mb3")
                return database

            urls.append(make().url)
            return make

        if "sqlite" in dialects:
            found["sqlite"] = lambda: SQLiteDatabase(folder / f"glance_{next(numbers)}.sqlite")
        # What is committed stays, on all three.
        if "postgresql" in dialects:
            found["postgresql"] = on(PostgreSQL(durable=True), PostgreSQLDatabase)
        if "mariadb" in dialects:
            found["mariadb"] = on(MariaDB(durable=True), MariaDBDatabase)
        yield found, urls


def write_script(recording: Recording, path: Path) -> Path:
    """Write the recorded SQL for the client, each version and its row in a transaction."""
    with path.open("w") as sql:
        for version in recording.versions:
            statements = (with_end(text, recording.dialect) for text in version.statements)
            sql.write(
                f"BEGIN;\n{''.join(statements)}UPDATE migrate_version "
                f"SET version = {version.version} WHERE version = {version.version - 1};\nCOMMIT;\n"
            )
    return path


def by_migrate(project: Project, database: Database) -> dict[str, float]:
    """Return the seconds of sqlalchemy-migrate's own API."""
    return {"migrate": project.migrate_alone(database, warm=True)}


def by_bridge(project: Project, database: Database) -> dict[str, float]:
    """Return the seconds of the versions as the report has them, and of the whole call."""
    begun = time.perf_counter()
    report = project.to_the_hand_over(database).dbupdate(method="replay")
    call = time.perf_counter() - begun
    versions = (seconds for step, seconds in report.steps if isinstance(step, RunLegacy))
    return {"replay": sum(versions), "call": call}


def by_client(script: Path, database: Database) -> dict[str, float]:
    """Return the seconds of a process of the database's own client."""
    begun = time.perf_counter()
    if isinstance(database, SQLiteDatabase):
        with script.open() as sql:
            subprocess.run(["sqlite3", "-batch", "-bail", database.path], stdin=sql, check=True)
    else:
        database.server.run_dump(database.name, script)  # type: ignore[attr-defined]
    return {"client": time.perf_counter() - begun}


def main() -> None:
    """Freeze the history, measure, print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--databases", nargs="*", default=list(WANTED), choices=list(WANTED))
    parser.add_argument("--json", action="store_true", help="the seconds of every round")
    parser.add_argument("--wheel", type=Path, help="glance's, unpacked; else it is fetched")
    options = parser.parse_args()
    times: dict[str, dict[str, list[float]]] = {
        dialect: {way: [] for way in WAYS} for dialect in options.databases
    }
    with contextlib.ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        made, urls = stack.enter_context(places(work, options.databases))
        history, wheel = HISTORIES["glance"], options.wheel
        if wheel is None:
            wheel = work / "wheel"
            wheel.mkdir()
            fetch(history.wheel, wheel)
        recordings = freeze(Project(history, wheel), work / "frozen", urls).recordings
        project = Project(history, work / "frozen")
        scripts = {
            recording.dialect: write_script(recording, work / f"{recording.dialect}.sql")
            for recording in recordings
        }
        # What the recordings hold is not to be searched for garbage again and again.
        gc.collect()
        gc.freeze()
        for round_, (dialect, make) in itertools.product(range(options.rounds + 1), made.items()):
            for way in (
                lambda database: by_migrate(project, database),
                lambda database: by_bridge(project, database),
                lambda database: by_client(scripts[family(dialect)], database),  # noqa: B023
            ):
                database = make()
                write_versions(database, ("Glance Migrations", 0))
                try:
                    found = way(database)
                finally:
                    database.drop()
                for name, seconds in found.items():
                    times[dialect][name] += [seconds] if round_ else []
    if options.json:
        print(json.dumps(times))
    show(times, options.rounds)


def show(times: dict[str, dict[str, list[float]]], rounds: int) -> None:
    """Print the medians and their ratios."""
    table = Table(title=f"glance 1..45 on an empty database, medians of {rounds} rounds, seconds")
    for heading in ("", "migrate", "replay", "whole call", "client"):
        table.add_column(heading, justify="right" if heading else "left")
    for heading in ("migrate / replay", "replay / client", "call / client"):
        table.add_column(heading, justify="right")
    for dialect, found in times.items():
        migrate, replay, call, client = (statistics.median(found[way]) for way in WAYS)
        table.add_row(
            dialect,
            *(f"{seconds:.3f}" for seconds in (migrate, replay, call, client)),
            f"{migrate / replay:.1f} ({WANTED[dialect]})".replace(" ()", ""),
            f"{replay / client:.2f} (<= 2)",
            f"{call / client:.2f}",
        )
    Console(width=120).print(table)


if __name__ == "__main__":
    sys.exit(main())
