"""Database URLs as legacy scripts read them."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, urlencode

from sqlalchemy.engine import URL

from bridge.database.drivers import driver_of, is_async, with_driver
from bridge.database.url import sqlite_file

# What the legacy runtime's SQLAlchemy 1.4 has a driver for. Its "mariadb" dialect is unknown to
# sqlalchemy-migrate, whose scripts say "mysql".
_LEGACY_DRIVERS = {
    "postgresql": "postgresql+psycopg2",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "sqlite": "sqlite",
}


def legacy_url(url: URL) -> str:
    """The URL, password and all, with a driver that a private legacy runtime has."""
    backend = url.get_backend_name()
    return _written(with_driver(url, _LEGACY_DRIVERS.get(backend, url.drivername)))


def worker_urls(url: URL) -> list[str]:
    """What the worker may open, best first: the URL's own driver, where the runtime has it."""
    own = url
    if url.get_backend_name() == "mariadb":
        own = url.set(drivername=f"mysql+{driver_of(url)}".rstrip("+"))
    return list(dict.fromkeys([*([] if is_async(url) else [_written(own)]), legacy_url(url)]))


def _written(url: URL) -> str:
    """The URL as SQLAlchemy 1.4 reads it: it takes the database's name literally, nothing else."""
    name = url.database or ""
    if url.get_backend_name() == "sqlite" and sqlite_file(url) and not name.startswith("file:"):
        url = url.set(database=str(Path(name).absolute()))
    text = f"{url.drivername}://"
    if url.username is not None:
        text += quote(url.username, safe="")
        text += "" if url.password is None else f":{quote(str(url.password), safe='')}"
        text += "@"
    if url.host is not None:
        text += f"[{url.host}]" if ":" in url.host else url.host
    text += "" if url.port is None else f":{url.port}"
    text += "" if url.database is None else f"/{url.database}"
    return text + (f"?{urlencode(url.query, doseq=True)}" if url.query else "")
