"""Database URLs as legacy scripts read them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from bridge.database.drivers import driver_of, is_async, with_driver
from bridge.database.servers import server_of
from bridge.database.url import sqlite_file

if TYPE_CHECKING:
    from sqlalchemy.engine import URL


def legacy_url(url: URL) -> str:
    """Return the URL, including its password, with a driver that a private legacy runtime has."""
    server = server_of(url)
    drivername = _drivername(server.legacy_name, server.legacy_driver)
    return _written(with_driver(url, drivername or url.drivername))


def worker_urls(url: URL) -> list[str]:
    """Return the URLs that the worker tries in order: the URL's own driver comes first."""
    drivername = _drivername(server_of(url).legacy_name, driver_of(url))
    own = url.set(drivername=drivername or url.drivername)
    return list(dict.fromkeys([*([] if is_async(url) else [_written(own)]), legacy_url(url)]))


def _drivername(name: str | None, driver: str) -> str | None:
    return f"{name}+{driver}".rstrip("+") if name else None


def _written(url: URL) -> str:
    """Return the URL as text for SQLAlchemy 1.4, which does not unquote the database's name."""
    name = url.database or ""
    if sqlite_file(url) and not name.startswith("file:"):
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
