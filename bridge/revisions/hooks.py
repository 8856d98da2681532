"""The objects that the configuration names as ``package.module:NAME``: models and foundations."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bridge.model.errors import BridgeError, HookError
from bridge.model.names import CORE

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from bridge.model.config import Config


def load_object(name: Any, config: Config) -> Any:
    """Return the object that ``package.module:NAME`` stands for; the module without a NAME.

    Anything but a name is returned unchanged: an installed module may give the object itself.

    :raises HookError: it cannot be imported, or the module does not have it.
    """
    if not isinstance(name, str):
        return name
    for folder in reversed(config.alembic.pythonpath):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    module, _, attribute = name.partition(":")
    try:
        found = importlib.import_module(module)
        for part in attribute.split(".") if attribute else ():
            found = getattr(found, part)
    except BridgeError:
        raise
    except (Exception, SystemExit) as error:
        raise HookError(
            f"{name} of {config.source} cannot be loaded: {type(error).__name__}: {error}",
            help="Write it as package.module:NAME. If the package is not installed, name its "
            "folder in alembic.pythonpath.",
        ) from error
    return found


# --- models -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Models:
    """The tables of one component: `CORE` or a module."""

    component: str
    tables: tuple[sa.Table, ...]

    @property
    def metadata(self) -> tuple[sa.MetaData, ...]:
        """The `MetaData` objects of the tables."""
        return tuple({id(t.metadata): t.metadata for t in self.tables}.values())

    @property
    def names(self) -> frozenset[str]:
        """The names of the tables, with their schema where they have one."""
        return frozenset(str(table.key) for table in self.tables)


def load_models(config: Config, *, modules: bool = True) -> tuple[Models, ...]:
    """Return the models of the core and of every module that is on, in the configuration's order.

    A table that a module names belongs to it, although the core's `MetaData` may have it too.

    :param modules: False for the core's alone.
    :raises HookError: some cannot be loaded, or two components have the same table.
    """
    core = [table for name in config.alembic.models for table in _tables(name, config)]
    found = []
    for module in config.modules.values() if modules else ():
        if module.enabled and module.models is not None:
            tables = tuple(_tables(module.models, config))
            if core and set(map(id, tables)) == set(map(id, core)):
                raise HookError(
                    f"module.{module.name}.models and alembic.models of {config.source} are the "
                    "same tables, so bridge cannot know which of them are the module's.",
                    help="Name the module's own models: a list of them, or the Python module "
                    "that defines them.",
                )
            found.append(Models(module.name, tables))
    _check_owners(found, config)
    claimed = {id(table) for models in found for table in models.tables}
    own = Models(CORE, tuple(table for table in core if id(table) not in claimed))
    result = (own, *found) if own.tables else tuple(found)
    _check_owners(result, config)
    return result


def _check_owners(components: Iterable[Models], config: Config) -> None:
    owner: dict[str, str] = {}
    for models in components:
        for name in sorted(models.names):
            if name in owner:
                raise HookError(
                    f"The table {name} is in the models of {owner[name]} and of "
                    f"{models.component}: each table must belong to one.",
                    help=f"Rename one of the two tables, or correct the models in {config.source}.",
                )
            owner[name] = models.component


def _tables(name: Any, config: Config) -> Iterator[sa.Table]:
    found = load_object(name, config)
    if isinstance(found, ModuleType):
        found = _of_module(found)
    for item in found if isinstance(found, list | tuple | set | frozenset) else [found]:
        if isinstance(item, type) and _shares_a_table(item):
            continue
        table = getattr(item, "__table__", item)
        metadata = item if isinstance(item, sa.MetaData) else getattr(item, "metadata", None)
        if isinstance(table, sa.Table):
            yield table
        elif isinstance(metadata, sa.MetaData):
            yield from metadata.tables.values()
        else:
            raise HookError(
                f"{name} of {config.source} is not a MetaData, and has none.",
                help="Name the metadata of the models, package.module:metadata, or a list of "
                "models, package.module:MODELS.",
            )


def _of_module(module: ModuleType) -> Any:
    """Return a Python module's `metadata`, its list `MODELS`, or the models that it defines."""
    for name in ("metadata", "MODELS"):
        if hasattr(module, name):
            return getattr(module, name)
    return [
        item
        for item in vars(module).values()
        if isinstance(item, type)
        and item.__module__ == module.__name__
        and isinstance(getattr(item, "__table__", None), sa.Table)
        and not _shares_a_table(item)
    ]


def _shares_a_table(model: type) -> bool:
    """Return whether a model's rows are in the table of another one, from which it inherits."""
    return "__table__" not in vars(model) and hasattr(model, "__table__")


# --- foundations --------------------------------------------------------------------------


def load_foundations(name: Any, config: Config) -> Callable[[Connection], Any]:
    """Return the function that inserts default rows: the app's own, or one for a mapping.

    :raises HookError: it cannot be loaded, or is neither a function nor a mapping.
    """
    found = load_object(name, config)
    if isinstance(found, Mapping):
        return lambda connection: _insert(found, connection)
    if not callable(found):
        raise HookError(
            f"{name} of {config.source} cannot be called.",
            help="Name a function that takes a connection, or a mapping from models to rows: "
            "package.module:NAME",
        )
    return found  # type: ignore[no-any-return]


def _insert(rows: Mapping[Any, Iterable[Mapping[str, Any]]], connection: Connection) -> None:
    """Insert the rows of each model or table, in the order of the mapping."""
    for model, values in rows.items():
        if isinstance(model, sa.Table):
            for row in values:
                connection.execute(model.insert().values(**row))
            continue
        # The table has just been created from this very model, so that the ORM fits it.
        from sqlalchemy.orm import Session  # slow to import, and seldom needed

        with Session(bind=connection) as session:
            session.add_all([model(**row) for row in values])
            session.commit()  # not of the connection's own transaction
