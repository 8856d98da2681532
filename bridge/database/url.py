"""Database URLs: how they are read, and the environment variables that hold them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from bridge.database.drivers import with_installed_driver
from bridge.database.servers import server_of
from bridge.model.errors import DatabaseError

if TYPE_CHECKING:
    from pathlib import Path

URL_VARIABLE = "BRIDGE_DATABASE_URL"

SCRATCH_VARIABLE = "BRIDGE_SCRATCH_URL"

SECRET_VARIABLES = (URL_VARIABLE, SCRATCH_VARIABLE)
"""What no other program is given."""


def parse_url(text: str | URL) -> URL:
    """Return a URL that SQLAlchemy understands, with an installed driver where it names none.

    `postgres://`, which old configurations use and SQLAlchemy 1.4 gave up, is taken too; and in
    place of a driver for asyncio, another one of the same database.

    :raises DatabaseError: it is not a database URL.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise DatabaseError(
            "The database URL is not one that SQLAlchemy understands.",
            help="Write it as DIALECT://USER:PASSWORD@HOST:PORT/DATABASE or sqlite:///FILE; "
            "percent-encode special characters of the password.",
        ) from None
    # Behind an unquoted slash, what is left of the user's part looks like the database's name.
    if "@" in (url.host or "") or (url.host and not url.username and "@" in (url.database or "")):
        raise DatabaseError(
            "The database URL has more than one @ before the host.",
            help="Percent-encode special characters of the user and the password: @ is %40.",
        )
    if url.host and not server_of(url).is_server:
        raise DatabaseError(
            f"The database URL sqlite://{url.host} has two slashes, where a file needs three.",
            help=f"Write it as sqlite:///{url.host}, or sqlite:////FOLDER/{url.host}",
        )
    if url.drivername == "postgres" or url.drivername.startswith("postgres+"):
        url = url.set(drivername=url.drivername.replace("postgres", "postgresql", 1))
    return with_installed_driver(url)


def relative_to(url: URL, root: Path) -> URL:
    """Return a SQLite URL with its file taken from the folder `root`; any other URL as it is."""
    if server_of(url).is_server or not url.database or url.database == ":memory:":
        return url
    if url.database.startswith("file:"):
        return url
    return url.set(database=str(root / url.database))


def sqlite_file(url: URL) -> Path | None:
    """Return the file of a SQLite URL; None for a server's, or for a database in memory."""
    return server_of(url).file(url)


def environment_url() -> str | None:
    """Return the URL from the environment, None where it is not set or empty."""
    return os.environ.get(URL_VARIABLE) or None


def scratch_urls() -> list[str]:
    """Return the servers from the environment on which databases may be created and dropped."""
    return os.environ.get(SCRATCH_VARIABLE, "").split()
