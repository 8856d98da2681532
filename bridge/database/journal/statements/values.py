"""Values of rows and of parameters as JSON, and as they were."""

from __future__ import annotations

import base64
import json
import re
import zlib
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def pack(value: Any) -> Any:
    """Return a value of a row or of a parameter as JSON.

    :raises TypeError: it is of a kind that is not known.
    """
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return str(value)  # of subclasses, such as quoted names
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"bytes": base64.b64encode(bytes(value)).decode("ascii")}
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    if isinstance(value, timedelta):
        return {"timedelta": [value.days, value.seconds, value.microseconds]}
    if isinstance(value, (datetime, date, time)):
        return {type(value).__name__: value.isoformat()}
    if isinstance(value, dict):
        return {"dict": [[pack(key), pack(one)] for key, one in value.items()]}
    if isinstance(value, (set, frozenset)):
        return {"set": sorted((pack(one) for one in value), key=str)}
    if isinstance(value, (list, tuple)):
        return {type(value).__name__ if type(value) is list else "tuple": [*map(pack, value)]}
    raise TypeError(f"{type(value).__name__} cannot be written down")


_UNPACK: dict[str, Callable[[Any], Any]] = {
    "bytes": base64.b64decode,
    "decimal": Decimal,
    "timedelta": lambda parts: timedelta(*parts),
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "dict": lambda items: {unpack(key): unpack(one) for key, one in items},
    "set": lambda items: {unpack(one) for one in items},
    "list": lambda items: [unpack(one) for one in items],
    "tuple": lambda items: tuple(unpack(one) for one in items),
}


def unpack(value: Any) -> Any:
    """Return the value that `pack` was given."""
    if isinstance(value, dict):
        ((kind, inner),) = value.items()
        return _UNPACK[kind](inner)
    return value


def compress(document: Any) -> str:
    """Return a JSON document as compressed text."""
    return base64.b64encode(zlib.compress(json.dumps(document).encode())).decode("ascii")


def decompress(text: str) -> Any:
    """Return the document that `compress` was given."""
    return json.loads(zlib.decompress(base64.b64decode(text)))


_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\Z", re.IGNORECASE)


def are_alike(old: Any, new: Any, renamed: list[tuple[Any, Any]]) -> bool:
    """Return whether packed values are the same, but for times and UUIDs.

    :param renamed: gets the pairs of these that differ.
    """
    if old == new:
        return True
    if isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
        (kind,) = old
        if kind == "datetime":
            renamed.append((old, new))
            return True
        return kind not in ("bytes", "decimal", "date", "time") and are_alike(
            old[kind], new[kind], renamed
        )
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = zip(old, new)  # noqa: B905 (Python 3.7)
        return all(are_alike(one, other, renamed) for one, other in pairs)
    if isinstance(old, str) and isinstance(new, str) and _UUID.match(old) and _UUID.match(new):
        renamed.append((old, new))
        return True
    return False
