"""Runs frozen statements as they are: no parameters, nothing that a driver would read into them."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Connection

from bridge.errors import LegacyError
from bridge.sqlite import foreign_keys_off, pragma

_PRAGMA = re.compile(r"\s*PRAGMA\s+(?:\w+\.)?(\w+)\s*[=(]", re.IGNORECASE)
_SET = re.compile(r"\s*SET\s+(?!LOCAL\b)", re.IGNORECASE)


def run_frozen(
    connection: Connection,
    statements: Sequence[str],
    then: Callable[[], None] = lambda: None,
) -> None:
    """Run the statements in a transaction of their own, as the legacy runtime would have.

    On SQLite foreign keys are not looked at meanwhile, and what is set is put back afterwards.

    :param then: what else belongs to the transaction.
    """
    with (
        foreign_keys_off(connection),
        _settings_kept(connection, statements),
        connection.begin(),
    ):
        for statement in statements:
            connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
        then()


def leaves_settings(dialect: str, statements: Iterable[str]) -> bool:
    """Whether the session is not what it was after them: on a server it has settings of its own."""
    return dialect != "sqlite" and any(map(_SET.match, statements))


@contextmanager
def _settings_kept(connection: Connection, statements: Iterable[str]) -> Iterator[None]:
    """On SQLite: what the statements set is afterwards what it was before."""
    found = (_PRAGMA.match(s) for s in statements if connection.dialect.name == "sqlite")
    names = sorted({match[1].lower() for match in found if match})
    before = {name: pragma(connection, name) for name in names}
    try:
        yield
    finally:
        for name, rows in before.items():
            if rows:
                pragma(connection, f"{name} = {rows[0][0]}")


def load_ported(path: Path) -> Callable[[Connection], Any]:
    """The function of a version that the developer has written anew.

    :raises LegacyError: the file cannot be loaded, or has no `upgrade`.
    """
    spec = importlib.util.spec_from_file_location(f"bridge_ported_{path.stem}", path)
    try:
        if spec is None or spec.loader is None:
            raise ImportError("it is no Python file")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        upgrade: Callable[[Connection], Any] = module.upgrade
    except (Exception, SystemExit) as error:
        raise LegacyError(
            f"The ported version {path} cannot be loaded: {type(error).__name__}: {error}",
            help="Mend the file: it needs a function upgrade(connection).",
        ) from error
    return upgrade
