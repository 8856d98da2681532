"""A table of `bridge.toml`, which returns its values and says what is allowed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from bridge.model.errors import ConfigError

T = TypeVar("T")

NAMED = re.compile(r"[A-Za-z_][\w.]+:[\w./-]+$")
"""The form of ``package.module:name``. A single letter before the colon is a drive."""


class ConfigTable:
    """One table of the document, which checks the types of its values.

    :param values: the raw values.
    :param name: as in the document, such as ``legacy.core``; empty for the document itself.
    :param source: the file as messages name it.
    :param root: the folder that paths are relative to.
    :raises ConfigError: the values are not a table.
    """

    def __init__(self, values: object, name: str, source: str, root: Path) -> None:
        self.name, self.source, self.root = name, source, root
        if not isinstance(values, Mapping):
            raise self.mistake(None, "must be a table")
        self.values = dict(values)
        self.known: list[str] = []

    def mistake(self, key: str | None, rule: str) -> ConfigError:
        """Return the error for a key that breaks a rule; None stands for the table itself."""
        where = ".".join(part for part in (self.name, key) if part)
        return ConfigError(
            f"{where} in {self.source} {rule}.",
            help=f"Change {where} in {self.source}.",
        )

    def take(self, key: str, convert: Callable[[str, Any], T], default: T) -> T:
        """Return the value of an optional key.

        :raises ConfigError: `convert` does not allow it.
        """
        self.known.append(key)
        return convert(key, self.values[key]) if key in self.values else default

    def need(self, key: str, convert: Callable[[str, Any], T]) -> T:
        """Return the value of a required key.

        :raises ConfigError: it is missing, or `convert` does not allow it.
        """
        if key not in self.values:
            where = ".".join(part for part in (self.name, key) if part)
            close = _close_to(key, self.values)
            hint = f"; is {close[0]} a misspelling of it?" if close else ""
            raise ConfigError(
                f"{where} is missing in {self.source}{hint}.",
                help=f"Add {where} to {self.source}.",
            )
        self.known.append(key)
        return convert(key, self.values[key])

    def finish(self) -> None:
        """Refuse unknown keys.

        :raises ConfigError: nothing asked for one of the keys.
        """
        for key in self.values:
            if key not in self.known:
                close = _close_to(key, self.known)
                hint = f"; did you mean {close[0]}?" if close else ""
                allowed = ", ".join(sorted(set(self.known)))
                raise self.mistake(
                    key, f"is not a key that bridge knows{hint} (allowed: {allowed})"
                )

    # Converters: each takes the key and the raw value, and raises a ConfigError that names both.

    def string(self, key: str, value: Any) -> str:
        """Return a non-empty string."""
        if not isinstance(value, str) or not value:
            # A URL may hold a password, even one of the wrong type.
            found = "" if key == "url" else f", not {value!r}"
            raise self.mistake(key, f"must be a non-empty string{found}")
        return value

    def flag(self, key: str, value: Any) -> bool:
        """Return a truth value."""
        if not isinstance(value, bool):
            raise self.mistake(key, f"must be true or false, not {value!r}")
        return value

    def count(self, key: str, value: Any) -> int:
        """Return a whole number of at least 1."""
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise self.mistake(key, f"must be a whole number of at least 1, not {value!r}")
        return value

    def strings(self, key: str, value: Any) -> tuple[str, ...]:
        """Return a list of non-empty strings; a single string stands for a list of one."""
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list | tuple) or not all(isinstance(i, str) and i for i in items):
            raise self.mistake(key, f"must be a list of strings, not {value!r}")
        return tuple(items)

    def path(self, key: str, value: Any) -> Path:
        """Return a path, relative to the folder of the file."""
        if isinstance(value, Path):
            value = str(value)
        return self.root / Path(self.string(key, value)).expanduser()

    def paths(self, key: str, value: Any) -> tuple[Path, ...]:
        """Return a list of paths."""
        return tuple(self.path(key, item) for item in self.strings(key, value))

    def path_or_resource(self, key: str, value: Any) -> Path | str:
        """Return a path, or the name of a package's resource unchanged."""
        if isinstance(value, str) and NAMED.match(value):
            return value
        return self.path(key, value)

    def numbers(self, key: str, value: Any) -> tuple[int, ...]:
        """Return the distinct numbers above 0, ascending."""
        if not isinstance(value, list | tuple) or not all(
            isinstance(v, int) and not isinstance(v, bool) and v > 0 for v in value
        ):
            raise self.mistake(key, f"must be a list of numbers above 0, not {value!r}")
        return tuple(sorted(set(value)))

    def one_of(self, *allowed: str) -> Callable[[str, Any], Any]:
        """Return the converter that allows only these values."""

        def convert(key: str, value: Any) -> Any:
            if value not in allowed:
                choices = " or ".join(f'"{choice}"' for choice in allowed)
                raise self.mistake(key, f"must be {choices}, not {value!r}")
            return value

        return convert

    def by_version(self, inner: Callable[[str, Any], T]) -> Callable[[str, Any], dict[int, T]]:
        """Return the converter of a table whose keys are versions, which TOML has as strings."""

        def convert(key: str, value: Any) -> dict[int, T]:
            if not isinstance(value, Mapping):
                raise self.mistake(key, f"must be a table from versions to values, not {value!r}")
            result = {}
            for version, item in value.items():
                if not str(version).isdigit():
                    raise self.mistake(f"{key}.{version}", "must have a whole number as its key")
                result[int(version)] = inner(f"{key}.{version}", item)
            return dict(sorted(result.items()))

        return convert

    def versions(self, key: str, value: Any) -> dict[str, int]:
        """Return a table from repositories to versions."""
        if not isinstance(value, Mapping) or not all(
            isinstance(v, int) and not isinstance(v, bool) and v >= 0 for v in value.values()
        ):
            raise self.mistake(key, f"must be a table from repositories to versions, not {value!r}")
        return dict(value)


def _close_to(key: str, known: Iterable[str]) -> list[str]:
    """Return the known key that is most like this one, if any is."""
    # Most files have no mistake.
    import difflib

    return difflib.get_close_matches(key, known, n=1)
