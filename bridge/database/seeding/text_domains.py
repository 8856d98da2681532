"""Domains of text and bytes."""

from __future__ import annotations

import json
import pickle
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from bridge.database.seeding.domain import (
    LONG,
    LONGEST,
    WORDS,
    Domain,
    Make,
    Spec,
    Value,
    constant,
)
from bridge.database.seeding.time_domains import moment_domain
from bridge.database.sql.tokens import literals

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

# Text


def text_domain(spec: Spec) -> Domain:
    """Return the domain of texts of the column's length and character set."""
    length = (spec.arguments or (_LENGTHS.get(spec.base, 0),))[0]
    if spec.base in ("character", "char") and not spec.arguments and spec.limits.one_letter:
        length = 1
    longest = min(length or LONG, LONGEST)
    shape = next((shape for pattern, shape in _SHAPES if pattern.search(spec.name)), None)
    if re.search(r"(^|_|u)id$", spec.name) and length in (32, 36):
        # Of what nothing tells, it may be a number as well: that is the second guess.
        shape = _number_shape if spec.plain and not spec.keyed else uuid_shape
    if shape is not None:
        shaped = shape(spec, longest)
        if shaped is not None:
            return shaped
    edges: list[Make] = [] if spec.keyed else [constant("")]
    edges += [constant(text) for text in _texts(spec.column.letters) if len(text) <= longest]
    if longest > 1:
        edges.append(lambda random: _long(random, longest))
    if (spec.column.default or "").startswith("'") and not spec.keyed:
        first = literals(spec.column.default or "", spec.limits.syntax)[:1]
        edges += map(constant, filter(None, first))
    return Domain(lambda random, row: _short(random, row, longest), tuple(edges), "text")


_LENGTHS = {"tinytext": 60, "name": 63}


def _short(random: Random, row: int, longest: int) -> str:
    text = f"{random.choice(WORDS)} {row + 1}"
    if len(text) <= longest:
        return text
    letters = "abcdefghijklmnopqrstuvwxyz"
    return "".join(random.choice(letters) for _ in range(longest))


def _long(random: Random, longest: int) -> str:
    text = " ".join(random.choice(WORDS) for _ in range(longest // 4 + 1))[:longest]
    return text[:-1] + text[-1].replace(" ", "x")


def _texts(letters: str) -> list[str]:
    """Texts that get through no program by chance."""
    texts = ['it\'s 100% "quoted"', "a:b :name %s", "C:\\new\\table", "one\ntwo\r\n\tthree"]
    texts += ["'", "%"]
    if letters != "ascii":
        texts += ["Grüße, Ελλάδα, 世界", "é"]
    if letters == "all":
        texts.append("🌍 earth")
    return texts


def uuid_shape(spec: Spec, longest: int) -> Domain | None:
    """Return the domain of UUIDs as text, None where the column is too short for them."""
    if longest < 32:
        return None
    hyphens = longest >= 36

    def make(random: Random) -> str:
        made = UUID(int=random.getrandbits(128), version=4)
        return str(made) if hyphens else made.hex

    return Domain(lambda random, _: make(random), (), "text")


def _number_shape(spec: Spec, longest: int) -> Domain | None:
    return Domain(lambda _, row: str(row + 1), (), "text")


def _fitting(plain: str, *edges: str) -> Callable[[Spec, int], Domain | None]:
    def make(spec: Spec, longest: int) -> Domain | None:
        if len(plain) > longest - 8:
            return None
        fit = [edge for edge in edges if len(edge) <= longest]
        return Domain(
            lambda random, row: plain.format(random.choice(WORDS), row + 1),
            tuple(map(constant, fit)),
            "text",
        )

    return make


def _moment_shape(spec: Spec, longest: int) -> Domain | None:
    return moment_domain(replace(spec, base="datetime", arguments=())) if longest >= 26 else None


_SHAPES: tuple[tuple[re.Pattern[str], Callable[[Spec, int], Domain | None]], ...] = (
    (re.compile("uuid|guid"), uuid_shape),
    (re.compile("e?mail(_address)?$"), _fitting("{}{}@example.com", "o'brien+100%@example.com")),
    (
        re.compile("ur[li]$|href|(^|_)(link|location|endpoint)$"),
        _fitting(
            "http://example.com/{}/{}", "http://u%40b:p%3A%2F@example.com:80/a%20b?c='d'&e=f:g"
        ),
    ),
    (
        re.compile("json"),
        _fitting('{{"{}": {}}}', "{}", '{"a": ["it\'s", 100, null, "\\\\ \\u00e9"]}'),
    ),
    (re.compile("_at$"), _moment_shape),
)


def json_domain(spec: Spec) -> Domain:
    """Return the domain of JSON documents."""
    edges = [json.dumps(x, ensure_ascii=spec.column.letters == "ascii") for x in _DOCUMENTS]
    return Domain(
        lambda random, row: json.dumps({"name": random.choice(WORDS), "number": row + 1}),
        tuple(map(constant, edges)),
    )


_DOCUMENTS: tuple[Any, ...] = (
    {},
    {"it's": ["100%", ":name", "\\", None, True, 1.5, -1]},
    {"deep": {"er": [[], {"": ""}]}, "text": "Grüße, 世界\n"},
)


def bytes_domain(spec: Spec) -> Domain:
    """Return the domain of bytes of the column's length; of pickles where it has none."""
    length = (spec.arguments or (_BYTES.get(spec.base, 0),))[0]
    if not length and not spec.keyed:
        return _pickles(spec)
    longest = min(length or LONG, LONGEST)
    edges: list[Make] = [] if spec.keyed else [constant(b"")]
    edges += [constant(_ODD_BYTES[:longest]), lambda random: random.randbytes(longest)]
    return Domain(lambda random, row: _short(random, row, longest).encode(), edges)


_ODD_BYTES = b"\x00\x01\x7f\x80\xff'\"%:\\\n\x00"


def _pickles(spec: Spec) -> Domain:
    """Return the domain of pickles, which SQLAlchemy's PickleType stores."""

    def kept(document: object) -> bytes:
        return pickle.dumps(document, protocol=2)

    def longest(random: Random) -> Value:
        return kept({_long(random, 20): _long(random, LONG)})

    edges = [constant(kept(document)) for document in _DOCUMENTS]
    return Domain(lambda random, row: kept({random.choice(WORDS): row + 1}), (*edges, longest))


_BYTES = {"tinyblob": 255, "binary": 1}
