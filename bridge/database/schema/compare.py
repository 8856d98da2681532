"""What differs between the schema that a database should have and the one that it has. Pure.

Both are schema documents, as `read_schema()` makes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any, Literal, NamedTuple

from bridge.model.difference import Difference

Schema = Mapping[str, Any]

Item = Mapping[str, Any]

Kind = Literal["missing", "extra", "other"]

Sides = Sequence[str | None]
"""What a thing is on the one side and on the other, as texts; None where it does not exist."""


def compare(expected: Schema, found: Schema) -> tuple[Difference, ...]:
    """Return the differences, sorted by table and name; none for equal documents."""
    differences: list[Difference] = []
    for what, kind in _KINDS.items():
        old, new = expected.get(kind, {}), found.get(kind, {})
        for name in {**old, **new}:
            if what == "table" and name in old and name in new:
                differences += _table(name, old[name], new[name])
            elif name not in old or name not in new or old[name] != new[name]:
                told = [_told(what, side[name]) if name in side else None for side in (old, new)]
                table = name if what == "table" else ""
                differences.append(_difference(f"{what} {name}", what, told, table=table))
    return tuple(sorted(differences, key=lambda one: (one.table, one.name, one.kind)))


def restrict_to(expected: Schema, found: Schema) -> Schema:
    """Return the part of a document that is about the same objects as another document."""
    return {
        kind: {name: thing for name, thing in things.items() if name in expected.get(kind, {})}
        for kind, things in found.items()
    }


def part_of(document: Schema, difference: Difference) -> Item | None:
    """Return the key, check, index or trigger that a difference is about, None for others."""
    table: Mapping[str, Any] = document.get("tables", {}).get(difference.table, {})
    for part in _PART_WORDS if table else ():
        for item in table[part]:
            if f"{difference.table} {_label(part, item)}" == difference.name:
                found: Item = item
                return found
    if table and difference.name == f"{difference.table} primary key":
        return dict(table["primary_key"])
    return None


def accepted(difference: Difference, patterns: Iterable[str]) -> bool:
    """Whether one of these is its name, or a pattern (``images.*``) that its name matches."""
    name = difference.name
    return any(name == pattern or fnmatchcase(name, pattern) for pattern in patterns)


_KINDS = {
    "table": "tables",
    "view": "views",
    "routine": "routines",
    "type": "types",
    "sequence": "sequences",
}


def _told(what: str, thing: Any) -> str:
    if what == "table":
        return _listed(column["name"] for column in thing["columns"])
    return _value(thing) or what


# --- tables -------------------------------------------------------------------------------

_PARTS = {"columns", "primary_key", "unique", "foreign_keys", "checks", "indexes", "triggers"}

_WORDS = {
    "charset": "character set",
    "nullable": "nullability",
    "on_update": "on update",
    "virtual": "virtual table",
}


def _table(table: str, old: Item, new: Item) -> Iterator[Difference]:
    yield from _columns(table, old["columns"], new["columns"])
    yield from _primary_key(table, old["primary_key"], new["primary_key"])
    missing: dict[str, list[Item]] = {}
    extra: dict[str, list[Item]] = {}
    for part in _PART_WORDS:
        missing[part], extra[part] = list(old[part]), list(new[part])
        yield from _matched(table, part, missing[part], extra[part])
    # An index that is unique and a unique constraint refuse the same rows.
    for one, other in (("unique", "indexes"), ("indexes", "unique")):
        for item, instead in _pairs(missing[one], extra[other], _uniqueness):
            texts = [
                f"{_what(kind, thing)} {_describe(thing)}"
                for kind, thing in ((one, item), (other, instead))
            ]
            yield _other(table, _label(one, item), "unique", texts, _OF_NO_CONSEQUENCE)
    for part in _PART_WORDS:
        for item in missing[part]:
            yield _of_one_side(table, part, item, (_describe(item), None), new)
        for item in extra[part]:
            yield _of_one_side(table, part, item, (None, _describe(item)), old)
    for key in sorted({*old, *new} - _PARTS):
        told = [_value(side.get(key)) for side in (old, new)]
        if told[0] != told[1]:
            # A character set that is the database's own on one side, which the server chose.
            own = key in ("charset", "collation") and None in told
            what = _WORDS.get(key, key)
            yield _other(table, what, what, told, _Weight(own))


def _of_one_side(table: str, part: str, item: Item, told: Sides, there: Item) -> Difference:
    """Yield what only one side has; `there` is the table of the other side."""
    name = f"{table} {_label(part, item)}"
    if part in ("unique", "indexes") and (columns := _uniqueness(item)):
        # It is of no consequence if the primary key, say, refuses the same rows.
        key = there["primary_key"]
        others = [*there["unique"], *there["indexes"], *([key] if key else [])]
        if columns in map(_uniqueness, others):
            found = _difference(name, _what(part, item), told, table=table)
            return _weighed(found, _OF_NO_CONSEQUENCE)
    return _difference(name, _what(part, item), told, table=table)


def _columns(table: str, old: Sequence[Item], new: Sequence[Item]) -> Iterator[Difference]:
    before, after = ({column["name"]: column for column in side} for side in (old, new))
    for name in {**before, **after}:
        if name not in before or name not in after:
            told = [_column(side[name]) if name in side else None for side in (before, after)]
            yield _difference(f"{table}.{name}", "column", told, table=table)
            continue
        one, other = before[name], after[name]
        for key in sorted({*one, *other}):
            if one.get(key) != other.get(key):
                what = _WORDS.get(key, key)
                told = [_attribute(key, column.get(key)) for column in (one, other)]
                name_of_it = f"{table}.{name} {what}"
                yield _difference(name_of_it, what, told, kind="other", table=table)
    # Of those that both have: another one, wherever it stands, is told above.
    orders = [[n for n in side if n in before and n in after] for side in (before, after)]
    if orders[0] != orders[1]:
        told = list(map(_listed, orders))
        yield _other(table, "column order", "column order", told, _HARMLESS)


def _column(column: Item) -> str:
    words = [column["type"], *([] if column["nullable"] else ["NOT NULL"])]
    if column["default"] is not None:
        words.append(f"DEFAULT {column['default']}")
    words += [
        key if column[key] is True else f"{_WORDS.get(key, key)} {_value(column[key])}"
        for key in sorted({*column} - {"name", "type", "nullable", "default"})
    ]
    return " ".join(words)


def _attribute(key: str, value: Any) -> str | None:
    if key == "nullable":
        return "NULL" if value else "NOT NULL"
    return _value(value)


def _primary_key(table: str, old: Item | None, new: Item | None) -> Iterator[Difference]:
    if old is None or new is None:
        if old is not new:
            told = [_describe(key) if key else None for key in (old, new)]
            yield _difference(f"{table} primary key", "primary key", told, table=table)
    elif _content(old) != _content(new):
        weight = _OF_NO_CONSEQUENCE if _unordered(old) == _unordered(new) else None
        told = [_describe(old), _describe(new)]
        yield _other(table, "primary key", "primary key", told, weight)
    elif old["name"] != new["name"]:
        told = [old["name"], new["name"]]
        yield _other(table, "primary key name", "name", told, _HARMLESS)


# --- keys, checks, indexes, triggers ------------------------------------------------------

_PART_WORDS = {
    "unique": "unique",
    "foreign_keys": "foreign key",
    "checks": "check",
    "indexes": "index",
    "triggers": "trigger",
}


def _matched(table: str, part: str, old: list[Item], new: list[Item]) -> Iterator[Difference]:
    """Remove from both lists what is in both: equal, or equal but for something."""
    for _ in _pairs(old, new, lambda item: (_content(item), item["name"])):
        pass
    for one, other in _pairs(old, new, _content):
        told = [one["name"], other["name"]]
        yield _other(table, f"{_label(part, one)} name", "name", told, _HARMLESS)
    for same in (_unordered, lambda item: item["name"], _ends):
        for one, other in _pairs(old, new, same):
            what, told = _what(part, one), [_describe(one), _describe(other)]
            weight = _OF_NO_CONSEQUENCE if same is _unordered else None
            yield _other(table, _label(part, one), what, told, weight)


def _pairs(
    old: list[Item], new: list[Item], same: Callable[[Item], Any]
) -> Iterator[tuple[Item, Item]]:
    """Yield the pairs with equal values of `same` that are not None; remove them from the lists."""
    for item in list(old):
        key = same(item)
        other = next((other for other in new if key is not None and same(other) == key), None)
        if other is not None:
            old.remove(item)
            new.remove(other)
            yield item, other


def _content(item: Item) -> dict[str, Any]:
    """All but the name. The columns of a foreign key are pairs, whose order says nothing."""
    content = {key: value for key, value in item.items() if key != "name"}
    if "referred_columns" in item:
        pairs = sorted(zip(content.pop("columns"), content.pop("referred_columns"), strict=True))
        content["columns"] = pairs
    return content


def _unordered(item: Item) -> Any:
    """Return a unique or primary key in sorted order; None where the order matters."""
    if "columns" not in item or "unique" in item or "refers_to" in item:
        return None
    return {**_content(item), "columns": sorted(item["columns"])}


def _ends(item: Item) -> Any:
    """From where to where a foreign key leads."""
    return (item["columns"], item["refers_to"]) if "refers_to" in item else None


def _uniqueness(item: Item) -> Any:
    """Return the columns of a unique constraint, or of an index that is unique and nothing more."""
    more = {key for key in item if key not in ("name", "columns", "unique")}
    return None if more or not item.get("unique", True) else sorted(item["columns"])


def _what(part: str, item: Item) -> str:
    return "unique index" if part == "indexes" and item["unique"] else _PART_WORDS[part]


def _label(part: str, item: Item) -> str:
    """Return its name within its table: its columns where the server chooses the names."""
    word = _PART_WORDS[part]
    if part == "unique":
        return f"{word} {_listed(item['columns'])}"
    if part == "foreign_keys":
        return f"{word} {_listed(item['columns'])} -> {item['refers_to']}"
    return f"{word} {item['name'] or '(' + item['sql'] + ')'}"


def _describe(item: Item) -> str:
    """All of it but its name, as text."""
    if "refers_to" in item:
        ends = f"{_listed(item['columns'])} -> {item['refers_to']} "
        words = [ends + _listed(item["referred_columns"])]
        words += [
            f"{key.replace('_', ' ').upper()} {item[key]}"
            for key in ("on_delete", "on_update")
            if item[key]
        ]
    elif "sql" in item:
        words = [item["sql"]]
    else:
        words = [_listed(item["columns"])]
    told = {"name", "columns", "sql", "unique", "refers_to", "referred_columns"}
    for key in sorted({*item} - told - {"on_delete", "on_update"}):
        if item[key] is not None:
            words.append(f"{key.replace('_', ' ')} {_value(item[key])}")
    return " ".join(words)


def _listed(names: Iterable[str]) -> str:
    return f"({', '.join(names)})"


def _value(value: Any) -> str | None:
    """Return a value of the document as text."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_value(one)}" for key, one in value.items() if one is not None)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return _listed(map(str, value))
    return str(value)


# --- what it means ------------------------------------------------------------------------

_ADDED = ("table", "view", "index", "unique index", "trigger", "routine", "type", "sequence")
"""What administrators add: it is no part of the app's own tables, or changes none of their rows."""

_SAME_ROWS = "The same rows are refused; queries may be faster or slower."

_MEANINGS: dict[tuple[str, str], str] = {
    ("missing", "table"): "The app fails on it, and so do later versions that change it.",
    ("missing", "column"): "The app fails on it, and so do later versions that change it.",
    ("missing", "primary key"): "Rows may be duplicated, and cannot be told apart.",
    ("missing", "unique"): "Rows that should be refused are accepted.",
    ("missing", "unique index"): "Rows that should be refused are accepted.",
    ("missing", "foreign key"): "Rows that point nowhere are accepted.",
    ("missing", "check"): "Values that should be refused are accepted.",
    ("missing", "index"): "Queries are slower, and later versions that drop it fail.",
    ("missing", "trigger"): "What it should do when rows are written is not done.",
    ("extra", "column"): (
        "Rows that do not name it may be refused, and later versions that add it fail."
    ),
    ("extra", "primary key"): "Rows that the app writes may be refused.",
    ("extra", "unique"): "Rows that the app writes may be refused.",
    ("extra", "unique index"): "Rows that the app writes may be refused; otherwise it only stays.",
    ("extra", "foreign key"): (
        "Rows that the app writes or deletes may be refused, and later versions that drop one of"
        " its tables or columns fail."
    ),
    ("extra", "check"): "Rows that the app writes may be refused.",
    ("extra", "trigger"): "It runs when the app writes rows; it stays.",
    ("extra", "view"): "It stays; later versions that change what it reads may be refused.",
    ("other", "type"): "Values may be refused, cut or changed, and later versions may fail on it.",
    ("other", "nullability"): "Rows are refused that should be accepted, or accepted that should"
    " be refused.",
    ("other", "default"): "Rows that do not name the column get another value.",
    ("other", "on update"): "Rows that are changed get another value.",
    ("other", "generated"): "The column holds other values.",
    ("other", "identity"): "Rows get their number in another way, or none.",
    ("other", "autoincrement"): "Rows get their number in another way, or none.",
    ("other", "collation"): "Text is compared and sorted in another way, which unique keys notice.",
    ("other", "character set"): (
        "Text that does not fit is refused, and so are foreign keys between different ones."
    ),
    ("other", "column order"): "Of no consequence but for statements that name no columns.",
    ("other", "engine"): "Transactions and foreign keys are not kept in the same way.",
    ("other", "name"): "Of no consequence, but for a later version that names it.",
    ("other", "primary key"): "Rows are refused that should be accepted, or the other way round.",
    ("other", "unique"): "Rows are refused that should be accepted, or the other way round.",
    ("other", "unique index"): "Rows are refused that should be accepted, or the other way round.",
    ("other", "foreign key"): "Rows that are written or deleted meet another rule.",
    ("other", "check"): "Values are refused that should be accepted, or the other way round.",
    ("other", "index"): "It refuses other rows or serves other queries.",
    ("other", "trigger"): "It does something else with rows that are written.",
}

_OTHERWISE = {
    "missing": "What uses it fails, and so do later versions that change it.",
    "extra": "The app does not know it; it stays as it is.",
    "other": "It does not do what the app expects.",
}


class _Weight(NamedTuple):
    """How much a difference matters: whether it is no reason to stop, and what it means."""

    own: bool = False
    meaning: str = ""


_HARMLESS = _Weight(own=True)

_OF_NO_CONSEQUENCE = _Weight(own=True, meaning=_SAME_ROWS)


def _difference(
    name: str, what: str, told: Sides, *, table: str = "", kind: Kind | None = None
) -> Difference:
    expected, found = told
    if kind is None:
        kind = "missing" if found is None else "extra" if expected is None else "other"
    own = kind == "extra" and what in _ADDED
    meaning = _MEANINGS.get((kind, what), _OTHERWISE[kind])
    return Difference(name, kind, what, expected, found, meaning, own, table)


def _other(
    table: str, label: str, what: str, told: Sides, weight: _Weight | None = None
) -> Difference:
    """Return a difference of something that both sides have."""
    found = _difference(f"{table} {label}", what, told, table=table, kind="other")
    return found if weight is None else _weighed(found, weight)


def _weighed(difference: Difference, weight: _Weight) -> Difference:
    meaning = weight.meaning or difference.meaning
    return replace(difference, own=difference.own or weight.own, meaning=meaning)
