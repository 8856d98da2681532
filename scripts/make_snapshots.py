"""Write the old databases in snapshots/ again: run the legacy histories, insert rows, dump.

Needs an environment with SQLAlchemy 1.4, sqlalchemy-migrate 0.13 and setuptools < 81, for servers
also psycopg2, pymysql, pg_dump and mariadb-dump. Each snapshot climbs from nothing in a scratch
database, and each row goes in at the version named in ROWS, so that later data migrations have
something to read. The same input gives the same bytes.

    python scripts/make_snapshots.py --sqlite
    python scripts/make_snapshots.py --postgresql postgresql://postgres@127.0.0.1/postgres
    python scripts/make_snapshots.py --mysql mysql+pymysql://root@127.0.0.1/mysql
"""

from __future__ import annotations

import argparse
import os
import re
import sqlite3
import subprocess
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from migrate.versioning.schema import ControlledSchema
from sqlalchemy import MetaData, Table, create_engine, text
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.pool import NullPool

Row = dict[str, Any]

TOP = Path(__file__).resolve().parent.parent
SCRATCH = "bridge_snapshot"
OLD_PATH = "/srv/gallery/releases/2013-04-02/legacy_migrations/"

# name: ({repository: version}, in the order in which they are climbed; {repository: stored path}).
# Installs move, so a stored path is stale, relative or missing.
SNAPSHOTS = {
    "core-v03": ({"core": 3}, {"core": OLD_PATH + "core"}),
    "core-v07": ({"core": 7}, {"core": None}),
    "core-v10-likes-v01": ({"core": 10, "likes": 1}, {"core": OLD_PATH + "core", "likes": None}),
    "core-v14-likes-v03": (
        {"core": 14, "likes": 3},
        {"core": "legacy_migrations/core", "likes": "legacy_migrations/likes"},
    ),
}


def day(number: int) -> datetime:
    """Return a moment, without a time zone, `number` days into the life of the gallery."""
    start = datetime(2012, 11, 5, 9, 30, 15)  # noqa: DTZ001 - the columns have no time zone
    return start + timedelta(days=number, minutes=17 * number)


def user(username: str, email: str | None, password: str, created: datetime) -> Row:
    """Return a row of `users`."""
    return {"username": username, "email": email, "password_hash": password, "created": created}


def media(
    values: tuple[int, str, str | None, str, datetime], description: str | None = None
) -> Row:
    """Return a row of `media_entries`: uploader, title, path, state and time; a description."""
    uploader, title, path, state, created = values
    return {
        "uploader_id": uploader,
        "title": title,
        "description": description,
        "path": path,
        "state": state,
        "created": created,
    }


def comment(media_id: int, author: int, body: str, created: datetime) -> Row:
    """Return a row of `media_comments`."""
    return {"media_id": media_id, "author_id": author, "body": body, "created": created}


# (repository, version, table, rows). No ids: each database counts 1, 2, 3 …, and its sequences stay
# right. The texts hold what tends to be broken on the way: quotes, percent signs, colons,
# backslashes, newlines, tabs, letters outside ASCII and outside the basic plane.
ROWS = [
    (
        "core",
        1,
        "users",
        [
            user("ada", "ada@example.org", "sha256:100%:abc'def", day(0)),
            user("Grażyna", "grazyna@example.org", None, day(1)),
            user("o'brien", "o'brien+50%@example.org", 'pbkdf2:"x"', day(2)),
            user("李雷", "lilei@example.org", "", day(3)),
        ],
    ),
    (
        "core",
        1,
        "media_entries",
        [
            media(
                (1, "Crème brûlée: 100% homemade", "ada/crème.jpg", "processed", day(4)),
                'First line\nsecond line, a "quote" and it\'s 12:30',
            ),
            media((1, "creme brulee - 100% HOMEMADE", "ada/2%20copy.jpg", "processed", day(5))),
            media(
                (2, "夜の東京 🎬", "g/東京.webm", "processed", day(6)), "emoji 🎞️ and a tab\there"
            ),
            media((3, "%s %(title)s :title ?", None, "failed", day(7)), ""),
            media((3, "Don't look; DROP TABLE", "o'b/x.png", "private", day(8)), "C:\\temp\\new"),
            media((4, "夜の東京", None, "private", day(9))),
        ],
    ),
    (
        "core",
        2,
        "media_comments",
        [
            comment(1, 2, "Pyszne! Smacznego 😋", day(10)),
            comment(1, 3, "It's 100% sugar -- isn't it?", day(11)),
            comment(3, 1, "Line one\n\nline three: 'quoted' \"twice\"", day(12)),
            comment(5, 4, "\\N is not NULL; NULL is not 'NULL'", day(13)),
            comment(2, 1, ":param %d %% {brace}", day(14)),
        ],
    ),
    ("core", 6, "media_comments", [comment(3, None, "Written by someone who left", day(20))]),
    (
        "core",
        7,
        "media_entries",
        [
            {
                **media((2, "Łódź", "g/lodz.jpg", "processed", day(21)), "After slugs"),
                "slug": "lodz",
            },
        ],
    ),
    (
        "core",
        9,
        "keywords",
        [{"name": name} for name in ("dessert", "night sky", "50% off", "rock'n'roll", "日本")],
    ),
    (
        "core",
        9,
        "media_keywords",
        [
            {"media_id": media_id, "keyword_id": keyword_id}
            for media_id, keyword_id in [(1, 1), (1, 3), (2, 1), (3, 2), (3, 5), (5, 4)]
        ],
    ),
    (
        "core",
        12,
        "media_files",
        [
            {"media_id": 1, "name": "thumb", "path": "ada/crème.thumb.jpg", "size": 18_204},
            {"media_id": 3, "name": "webm: 640%", "path": "g/東京 640.webm", "size": 5_368_709_120},
        ],
    ),
    ("core", 14, "settings", [{"name": "motto", "value": "“Ceci n'est pas…”\n— R. M., 100%"}]),
    (
        "likes",
        1,
        "likes",
        [
            {"media_id": media_id, "user_id": user_id, "created": created}
            for media_id, user_id, created in [
                (1, 2, day(15)),
                (1, 3, None),
                (1, 2, day(16)),  # a double click, which version 2 drops
                (3, 1, day(17)),
                (5, 4, day(18)),
            ]
        ],
    ),
    ("likes", 3, "likes", [{"media_id": 1, "user_id": 4, "created": day(30), "kind": "love"}]),
]


def fill(engine: Engine, name: str) -> None:
    """Bring an empty database to the state of the snapshot `name`."""
    versions, paths = SNAPSHOTS[name]
    for repository, last in versions.items():
        folder = str(TOP / "legacy_migrations" / repository)
        schema = ControlledSchema.create(engine, folder)
        for version in range(1, last + 1):
            schema.upgrade(version)
            for at_repository, at_version, table_name, rows in ROWS:
                if (at_repository, at_version) != (repository, version):
                    continue
                table = Table(table_name, MetaData(), autoload_with=engine)
                with engine.begin() as connection:
                    for row in rows:
                        connection.execute(table.insert(), row)
    with engine.begin() as connection:
        for repository, path in paths.items():
            connection.execute(
                text(
                    "UPDATE migrate_version SET repository_path = :path"
                    " WHERE repository_id = :repository"
                ),
                {"path": path, "repository": repository},
            )


def dump_sqlite(name: str) -> str:
    """Return the dump of a SQLite database."""
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    # StaticPool would do the same; this way the connection is ours to dump.
    engine = create_engine("sqlite://", creator=lambda: connection)
    fill(engine, name)
    return "\n".join(connection.iterdump()) + "\n"


def dump_postgresql(url: URL, name: str) -> str:
    """Return the dump of a database on a PostgreSQL server."""
    create = f"CREATE DATABASE {SCRATCH} TEMPLATE template0 ENCODING 'UTF8'"
    dump = ["pg_dump", "--no-owner", "--no-privileges", "--encoding=UTF8", "-d", SCRATCH]
    dump += ["-h", url.host or "localhost", "-p", str(url.port or 5432), "-U", url.username]
    found = dump_server(url, name, create, dump, {"PGPASSWORD": url.password or ""})
    # \restrict holds a random word and needs the newest psql; the comments hold build versions.
    return re.sub(r"(?m)^(\\(un)?restrict .*|-- Dumped (from|by) .*)\n", "", found)


def dump_mysql(url: URL, name: str) -> str:
    """Return the dump of a database on a MariaDB or MySQL server."""
    create = f"CREATE DATABASE {SCRATCH} CHARACTER SET utf8mb4"
    dump = ["mariadb-dump", "--no-defaults", "--skip-comments", "--skip-dump-date"]
    dump += ["--skip-add-locks", "--no-tablespaces", "--default-character-set=utf8mb4"]
    dump += ["-h", url.host or "127.0.0.1", "-P", str(url.port or 3306), "-u", url.username]
    found = dump_server(url, name, create, [*dump, SCRATCH], {"MYSQL_PWD": url.password or ""})
    # Older clients do not know the sandbox mode and stop at its first line.
    return re.sub(r"\A/\*M?!999999\\- enable the sandbox mode \*/ *\n", "", found)


def dump_server(url: URL, name: str, create: str, dump: list[str], secrets: dict[str, str]) -> str:
    """Fill a scratch database on the server of `url`, dump it, drop it."""
    server = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    drop = f"DROP DATABASE IF EXISTS {SCRATCH}"
    with server.connect() as connection:
        connection.execute(text(drop))
        connection.execute(text(create))
    try:
        fill(create_engine(url.set(database=SCRATCH), poolclass=NullPool), name)
        environ = {**os.environ, **secrets}
        found = subprocess.run(dump, env=environ, check=True, stdout=subprocess.PIPE)
        return found.stdout.decode("utf-8")
    finally:
        with server.connect() as connection:
            connection.execute(text(drop))


def main() -> None:
    """Write the snapshots that the options name."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sqlite", action="store_true", help="make the .sqlite.sql files")
    parser.add_argument("--postgresql", metavar="URL", type=make_url, help="make the .pg.sql files")
    parser.add_argument("--mysql", metavar="URL", type=make_url, help="make the .mysql.sql files")
    parser.add_argument("--into", metavar="FOLDER", type=Path, default=TOP / "snapshots")
    options = parser.parse_args()
    for name in SNAPSHOTS:
        dumps = {}
        if options.sqlite:
            dumps["sqlite"] = dump_sqlite(name)
        if options.postgresql:
            dumps["pg"] = dump_postgresql(options.postgresql, name)
        if options.mysql:
            dumps["mysql"] = dump_mysql(options.mysql, name)
        for suffix, content in dumps.items():
            path = options.into / f"{name}.{suffix}.sql"
            path.write_text(content, encoding="utf-8", newline="\n")
            print(f"{path.name}: {len(content)} characters")


if __name__ == "__main__":
    main()
