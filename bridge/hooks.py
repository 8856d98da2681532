"""Loads what the configuration names as ``package.module:NAME``: models and hooks."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from bridge.config import Config
from bridge.errors import HookError


def load_object(name: str, config: Config) -> Any:
    """The object that ``package.module:NAME`` stands for.

    :raises HookError: it cannot be imported, or the module does not have it.
    """
    for folder in reversed(config.alembic.pythonpath):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    module, _, attribute = name.partition(":")
    try:
        found = importlib.import_module(module)
        for part in (attribute or "metadata").split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:
        raise HookError(
            f"{name} of {config.source} cannot be loaded: {type(error).__name__}: {error}",
            help="Write it as package.module:NAME, and let alembic.pythonpath name the folder "
            "of the package where it is not installed.",
        ) from error
    return found


def load_models(config: Config) -> list[sa.MetaData]:
    """The metadata of the core and of every module that is on, in the configuration's order.

    :raises HookError: one cannot be loaded or is no `MetaData`.
    """
    names = list(config.alembic.models)
    names += [m.models for m in config.modules.values() if m.enabled and m.models]
    models = []
    for name in names:
        found = load_object(name, config)
        if not isinstance(found, sa.MetaData):
            found = getattr(found, "metadata", None)
        if not isinstance(found, sa.MetaData):
            raise HookError(
                f"{name} of {config.source} is neither a MetaData nor has one.",
                help="Name the metadata of the models: package.module:metadata",
            )
        models.append(found)
    return models


def load_hook(name: str, config: Config) -> Callable[..., Any]:
    """The callable that ``package.module:NAME`` stands for.

    :raises HookError: it cannot be loaded or cannot be called.
    """
    found = load_object(name, config)
    if not callable(found):
        raise HookError(
            f"{name} of {config.source} cannot be called.",
            help="Name a function that takes a connection: package.module:function",
        )
    return found  # type: ignore[no-any-return]
