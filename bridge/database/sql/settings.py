"""The settings that a statement changes: SQLite's PRAGMAs, and SET."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .effects import pragma_of

if TYPE_CHECKING:
    from collections.abc import Sequence


class Setting(NamedTuple):
    """One setting, in lower case.

    :param value: without quotes; None where the statement has none.
    :param scope: ``session``, ``transaction``, ``global``, or ``user`` for a variable of its own.
    """

    name: str
    value: str | None
    scope: str = "session"


def settings_of(words: Sequence[str], family: str) -> list[Setting]:
    """Return the settings that a statement of these words changes."""
    if words[0] == "PRAGMA":
        place, name, _with_argument = pragma_of(words)
        return [Setting(name.lower(), _value(words[place + 2 :]))]
    if words[0] != "SET":
        return [Setting("set_config", None)] if "SET_CONFIG" in words else []
    if family == "postgresql":
        return [_of_postgresql(words[1:])]
    return [_of_mysql(item) for item in _items(words[1:]) if item]


def _items(words: Sequence[str]) -> list[list[str]]:
    items: list[list[str]] = [[]]
    depth = 0
    for word in words:
        depth += (word == "(") - (word == ")")
        if word == "," and not depth:
            items.append([])
        else:
            items[-1].append(word)
    return items


def _value(words: Sequence[str]) -> str:
    return "".join(words[:1]).strip("'\"").lower()


def _of_postgresql(words: Sequence[str]) -> Setting:
    first = "".join(words[:1])
    scope = "transaction" if first in ("LOCAL", "TRANSACTION", "CONSTRAINTS") else "session"
    if first in ("LOCAL", "SESSION"):
        words = words[1:]
    end = next((n for n, word in enumerate(words) if word in ("=", "TO")), None)
    if end is None:
        return Setting("".join(words[:1]).lower(), None, scope)
    return Setting("".join(words[:end]).lower(), _value(words[end + 1 :]), scope)


_SCOPES = {
    "GLOBAL": "global",
    "PERSIST": "global",
    "PERSIST_ONLY": "global",
    "SESSION": "session",
    "LOCAL": "session",
}


def _of_mysql(words: Sequence[str]) -> Setting:
    end = next((n for n, word in enumerate(words) if word in ("=", ":=")), None)
    value = None if end is None else _value(words[end + 1 :])
    left = words[:1] if end is None else words[:end]
    if left[0].startswith("@") and not left[0].startswith("@@"):
        return Setting("".join(left).lower(), value, "user")
    names = [word.lstrip("@").strip("`") for word in left if word not in (".", "@@")]
    scope = _SCOPES.get(names[0], "session")
    if names[0] in _SCOPES:
        names = names[1:]
    return Setting(".".join(names).lower(), value, scope)
