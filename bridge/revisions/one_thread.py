"""One thread at a time: Alembic's context, and where output goes, are one for a whole process."""

from __future__ import annotations

import functools
import inspect
import threading
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")

_LOCK = threading.RLock()


def one_thread(cls: type[_T]) -> type[_T]:
    """Let one thread of the process at a time be in the public methods of a class; others wait.

    The same thread may enter again, as from a callback.
    """
    for name, method in vars(cls).items():
        if inspect.isfunction(method) and not name.startswith("_"):
            setattr(cls, name, _alone(method))
    return cls


def _alone(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def alone(*arguments: Any, **options: Any) -> Any:
        with _LOCK:
            return method(*arguments, **options)

    return alone
