"""What each type of column may hold: ordinary values, and values that programs stumble over.

Pure; what looks random comes from the `Random` that is handed in.
"""

from __future__ import annotations

import json
import pickle
import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random
from typing import Any
from uuid import UUID

from bridge.seeding.catalog import Column

Value = int | float | str | bytes | None

Make = Callable[[Random], Value]


_LONGEST = 4096
"""Characters of the longest text, and the longest bytes, that a column is given."""
_LONG = 1000
"""The same where the column has no limit."""

_WORDS = (
    *("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron", "iris", "juniper"),
    *("kelp", "linden", "maple", "nettle", "olive", "poplar", "quartz", "rowan", "sorrel"),
    *("thistle", "umber", "violet", "willow", "yarrow"),
)


@dataclass(frozen=True)
class Domain:
    """The values of a column.

    `plain` makes an ordinary one for a row; `edges` make those that programs stumble over. `sort`
    is "number", "text" or "" for anything else.
    """

    plain: Callable[[Random, int], Value]
    edges: Sequence[Make] = ()
    sort: str = ""


@dataclass(frozen=True)
class _Spec:
    """A type as it is written, taken apart: `decimal(10,2) unsigned` and the like."""

    column: Column
    dialect: str
    base: str
    arguments: tuple[int, ...]
    unsigned: bool
    keyed: bool
    plain: bool

    @property
    def name(self) -> str:
        return self.column.name.lower()


def literals(sql: str) -> list[str]:
    """The texts in quotes that are in a piece of SQL."""
    return [text.replace("''", "'") for text in _LITERAL.findall(sql)]


_LITERAL = re.compile(r"'((?:[^']|'')*)'")


def written(value: Value) -> str | None:
    """A value as PostgreSQL reads it for a column of any type: drivers do not matter then."""
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    return None if value is None else str(value)


def domain_of(
    column: Column, dialect: str, *, keyed: bool, plain: bool, conditions: Sequence[str]
) -> Domain:
    """The domain of a column; for what the parameters mean, see `values.Source`."""
    kind, dimensions = column.type.removesuffix("[]"), column.type.endswith("[]")
    arguments = tuple(map(int, re.findall(r"\d+", "".join(re.findall(r"\(([^)]*)\)", kind)))))
    words = re.sub(r"\([^)]*\)", " ", kind).replace('"', "").split()
    unsigned = "unsigned" in words or "zerofill" in words
    base = " ".join(word for word in words if word not in ("signed", "unsigned", "zerofill"))
    spec = _Spec(column, dialect, base, arguments, unsigned, keyed, plain)
    document = re.compile(rf"json_valid\W+{re.escape(column.name)}\b", re.IGNORECASE)
    if any(map(document.search, conditions)):
        return _json(spec)
    domain = _of(spec)
    return _array(domain, known=not column.labels) if dimensions else domain


def _of(spec: _Spec) -> Domain:
    if spec.base in ("geometry", "point") and spec.dialect in ("mysql", "mariadb"):
        return _geometry(spec)
    make = _MAKERS.get(spec.base)
    if make is not None:
        return make(spec)
    for base in (spec.base, spec.base.partition(" ")[0]):
        if base in _FORMS:
            return _forms(*_FORMS[base])
    if spec.dialect == "sqlite":
        # Any name is a type there; these parts of it have a meaning.
        for part, make in _AFFINITIES:
            if part in spec.base:
                return make(spec)
        return _text(spec)
    return _forms(*_ANYTHING)


def _array(element: Domain, *, known: bool) -> Domain:
    def quoted(value: Value) -> str:
        text = written(value) or ""
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    def plain(random: Random, row: int) -> Value:
        return f"{{{quoted(element.plain(random, row))}}}"

    def both(random: Random) -> Value:
        values = [element.plain(random, 0), *(edge(random) for edge in element.edges[:3])]
        return f"{{{','.join(map(quoted, values))}}}"

    # psycopg2 gives arrays of types that it does not know as text: NULL looks like a label there.
    return Domain(plain, (_always("{}"), *((_always("{NULL}"),) if known else ()), both))


def _always(value: Value) -> Make:
    return lambda _: value


def _choice(values: Sequence[Value], sort: str = "") -> Domain:
    return Domain(lambda random, row: random.choice(values) if row else values[0], (), sort)


def _forms(plain: str, *edges: str) -> Domain:
    """Values by the text that the database reads them from; `#` and `@` are two digits each."""

    def filled(form: str) -> Make:
        def make(random: Random) -> Value:
            one, two = (str(random.randrange(10, 100)) for _ in range(2))
            return form.replace("#", one).replace("@", two)

        return make

    make = filled(plain)
    return Domain(lambda random, _: make(random), tuple(map(filled, edges)))


# Numbers


def _integer(bits: int) -> Callable[[_Spec], Domain]:
    def make(spec: _Spec) -> Domain:
        low, high = (0, 2**bits - 1) if spec.unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        if spec.dialect == "sqlite":
            low, high = max(low, -(2**63)), min(high, 2**63 - 1)
        if bits == 8 and (spec.arguments == (1,) or _FLAG.search(spec.name)):
            return _choice((0, 1), "number")
        if spec.keyed or spec.name.endswith("id"):
            # Numbers that are those of rows, even where no foreign key says so.
            return Domain(lambda _, row: min(row + 1, high), (), "number")
        first, count = (10**9, 10**9) if bits >= 32 and _TIME.search(spec.name) else (1, 99)
        edges = [low, high, *((0,) if spec.unsigned else (0, -1))]
        return Domain(
            lambda random, _: first + random.randrange(count),
            tuple(map(_always, dict.fromkeys(edges))),
            "number",
        )

    return make


_FLAG = re.compile(r"^(is|has|can|was)_|deleted|abled|active|complete|visible|public|locked")
_TIME = re.compile(r"_(at|on|time|date)$|^(time|date)|timestamp")


def _decimal(spec: _Spec) -> Domain:
    limit = {"mysql": 10, "mariadb": 10, "sqlite": 15}.get(spec.dialect, 39)
    precision, scale = (*spec.arguments, *((limit, 0) if not spec.arguments else (0,)))[:2]
    if not spec.arguments and spec.dialect == "postgresql":
        scale = 9
    if spec.dialect == "sqlite":
        precision, scale = min(precision, 15), min(scale, 15)  # more is rounded there
    whole = max(precision - scale, 0)

    def number(digits: str, rest: str) -> str:
        # With more places than digits, the first ones are zeros.
        rest = rest[:precision].rjust(scale, "0")
        return f"{digits or '0'}.{rest}" if scale > 0 else digits or "0"

    def plain(random: Random, row: int) -> Value:
        digits = str(row + 1 if spec.keyed else random.randrange(1, 100))[:whole]
        return number(
            digits, f"{random.randrange(100) if not spec.keyed else 0:02}".ljust(scale, "0")[:scale]
        )

    largest = number("9" * whole, "9" * scale)
    smallest = number("", "1".rjust(scale, "0")) if scale > 0 else "0"
    signed = () if spec.unsigned else (f"-{largest}", "-1" if whole else f"-{smallest}")
    edges = () if spec.keyed else ("0", largest, smallest, *signed)
    return Domain(plain, tuple(map(_always, edges)), "number")


def _float(largest: float) -> Callable[[_Spec], Domain]:
    def make(spec: _Spec) -> Domain:
        if len(spec.arguments) == 2:
            return _decimal(spec)
        signed = () if spec.unsigned else (-1.5, -largest)
        edges = (0.0, largest, 1 / largest, *signed)
        # Quarters: every kind of float has them exactly.
        return Domain(
            lambda random, row: float(row + 1) if spec.keyed else random.randrange(1, 400) / 4,
            () if spec.keyed else tuple(map(_always, edges)),
            "number",
        )

    return make


def _bits(spec: _Spec) -> Domain:
    length = (spec.arguments or (1,))[0]
    if spec.dialect == "postgresql":
        varying = spec.base != "bit"
        length = (spec.arguments or (16 if varying else 1,))[0]
        edges = ["0" * length, "1" * length, *(("",) if varying else ())]
        return Domain(
            lambda random, _: format(random.getrandbits(length), f"0{length}b"),
            tuple(map(_always, edges)),
        )
    edges_ = (0, 2**length - 1)
    return Domain(
        lambda random, _: random.getrandbits(length), tuple(map(_always, edges_)), "number"
    )


# Text


def _text(spec: _Spec) -> Domain:
    length = (spec.arguments or (_LENGTHS.get(spec.base, 0),))[0]
    if spec.base in ("character", "char") and not spec.arguments and spec.dialect != "sqlite":
        length = 1
    longest = min(length or _LONG, _LONGEST)
    shape = next((shape for pattern, shape in _SHAPES if pattern.search(spec.name)), None)
    if re.search(r"(^|_|u)id$", spec.name) and length in (32, 36):
        # Of what nothing tells, it may be a number as well: that is the second guess.
        shape = _number_shape if spec.plain and not spec.keyed else _uuid_shape
    if shape is not None:
        shaped = shape(spec, longest)
        if shaped is not None:
            return shaped
    edges: list[Make] = [] if spec.keyed else [_always("")]
    edges += [_always(text) for text in _texts(spec.column.letters) if len(text) <= longest]
    if longest > 1:
        edges.append(lambda random: _long(random, longest))
    if (spec.column.default or "").startswith("'") and not spec.keyed:
        edges += map(_always, filter(None, literals(spec.column.default or "")[:1]))
    return Domain(lambda random, row: _short(random, row, longest), tuple(edges), "text")


_LENGTHS = {"tinytext": 60, "name": 63}


def _short(random: Random, row: int, longest: int) -> str:
    text = f"{random.choice(_WORDS)} {row + 1}"
    if len(text) <= longest:
        return text
    letters = "abcdefghijklmnopqrstuvwxyz"
    return "".join(random.choice(letters) for _ in range(longest))


def _long(random: Random, longest: int) -> str:
    text = " ".join(random.choice(_WORDS) for _ in range(longest // 4 + 1))[:longest]
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


def _uuid_shape(spec: _Spec, longest: int) -> Domain | None:
    if longest < 32:
        return None
    hyphens = longest >= 36

    def make(random: Random) -> str:
        made = UUID(int=random.getrandbits(128), version=4)
        return str(made) if hyphens else made.hex

    return Domain(lambda random, _: make(random), (), "text")


def _number_shape(spec: _Spec, longest: int) -> Domain | None:
    return Domain(lambda _, row: str(row + 1), (), "text")


def _fitting(plain: str, *edges: str) -> Callable[[_Spec, int], Domain | None]:
    def make(spec: _Spec, longest: int) -> Domain | None:
        if len(plain) > longest - 8:
            return None
        fit = [edge for edge in edges if len(edge) <= longest]
        return Domain(
            lambda random, row: plain.format(random.choice(_WORDS), row + 1),
            tuple(map(_always, fit)),
            "text",
        )

    return make


def _moment_shape(spec: _Spec, longest: int) -> Domain | None:
    return _moment(replace(spec, base="datetime", arguments=())) if longest >= 26 else None


_SHAPES: tuple[tuple[re.Pattern[str], Callable[[_Spec, int], Domain | None]], ...] = (
    (re.compile("uuid|guid"), _uuid_shape),
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


def _json(spec: _Spec) -> Domain:
    edges = [json.dumps(x, ensure_ascii=spec.column.letters == "ascii") for x in _DOCUMENTS]
    return Domain(
        lambda random, row: json.dumps({"name": random.choice(_WORDS), "number": row + 1}),
        tuple(map(_always, edges)),
    )


_DOCUMENTS: tuple[Any, ...] = (
    {},
    {"it's": ["100%", ":name", "\\", None, True, 1.5, -1]},
    {"deep": {"er": [[], {"": ""}]}, "text": "Grüße, 世界\n"},
)


def _bytes(spec: _Spec) -> Domain:
    length = (spec.arguments or (_BYTES.get(spec.base, 0),))[0]
    if not length and not spec.keyed:
        return _pickles(spec)
    longest = min(length or _LONG, _LONGEST)
    edges: list[Make] = [] if spec.keyed else [_always(b"")]
    edges += [_always(_ODD_BYTES[:longest]), lambda random: random.randbytes(longest)]
    return Domain(lambda random, row: _short(random, row, longest).encode(), edges)


_ODD_BYTES = b"\x00\x01\x7f\x80\xff'\"%:\\\n\x00"


def _pickles(spec: _Spec) -> Domain:
    """What SQLAlchemy's PickleType keeps in a column of bytes, and some scripts read."""

    def kept(document: object) -> bytes:
        return pickle.dumps(document, protocol=2)

    def longest(random: Random) -> Value:
        return kept({_long(random, 20): _long(random, _LONG)})

    edges = [_always(kept(document)) for document in _DOCUMENTS]
    return Domain(lambda random, row: kept({random.choice(_WORDS): row + 1}), (*edges, longest))


_BYTES = {"tinyblob": 255, "binary": 1}


def _labels(spec: _Spec) -> Domain:
    return _choice(spec.column.labels or ("",))


def _set(spec: _Spec) -> Domain:
    labels = spec.column.labels
    return Domain(
        lambda random, row: random.choice(labels) if row else labels[0],
        (_always(""), _always(",".join(labels))),
    )


def _record(spec: _Spec) -> Domain:
    # All of a composite value's parts are NULL.
    return _choice(["(" + "," * (spec.arguments[0] - 1) + ")"])


# Times. The range is fixed; the hours are those at which no clock is put forward or back.


def _day(random: Random) -> date:
    return date(2001, 1, 1) + timedelta(days=random.randrange(30 * 365))


def _days(spec: _Spec) -> tuple[str, str]:
    """The first and the last day that the database keeps and every driver reads."""
    if spec.dialect in ("mysql", "mariadb"):
        short = spec.base == "timestamp"
        return ("1970-01-02", "2037-12-31") if short else ("1000-01-01", "9999-12-31")
    # A day inside, where a time zone may take it over the edge of what Python has.
    zoned = "with time zone" in spec.base
    return ("0001-01-02", "9999-12-30") if zoned else ("0001-01-01", "9999-12-31")


def _date(spec: _Spec) -> Domain:
    edges = (*_days(spec), "2000-02-29", "1970-01-01")
    return Domain(lambda random, _: str(_day(random)), tuple(map(_always, edges)))


def _moment(spec: _Spec) -> Domain:
    first, last = _days(spec)
    fraction, most = "", ""
    if spec.dialect == "sqlite":
        fraction, most = ".000000", ".999999"  # as SQLAlchemy writes it there, and reads it
    elif spec.arguments != (0,) and (spec.arguments or spec.dialect == "postgresql"):
        most = "." + "9" * (spec.arguments or (6,))[0]
    zone = "+00:00" if "with time zone" in spec.base and spec.dialect != "sqlite" else ""

    def plain(random: Random, _: int) -> Value:
        hour, minute, second = (random.randrange(10, n) for n in (17, 60, 60))
        return f"{_day(random)} {hour}:{minute}:{second}{fraction}{zone}"

    edges = [f"{first} 12:00:00{fraction}{zone}", f"{last} 12:59:59{most}{zone}"]
    edges += [f"2000-02-29 12:00:00{fraction}{zone}"]
    if spec.base != "timestamp" or spec.dialect not in ("mysql", "mariadb"):
        edges += [f"1969-12-31 23:59:59{most}{zone}"]
    return Domain(plain, tuple(map(_always, edges)))


def _time(spec: _Spec) -> Domain:
    fraction = ".000000" if spec.dialect == "sqlite" else ""
    zone = "+00:00" if "with time zone" in spec.base and spec.dialect != "sqlite" else ""

    def plain(random: Random, _: int) -> Value:
        hour, minute, second = (random.randrange(10, n) for n in (17, 60, 60))
        return f"{hour}:{minute}:{second}{fraction}{zone}"

    edges = (f"00:00:00{fraction}{zone}", f"23:59:59{fraction}{zone}")
    return Domain(plain, tuple(map(_always, edges)))


def _year(spec: _Spec) -> Domain:
    return Domain(
        lambda random, _: 2001 + random.randrange(30), (_always(1901), _always(2155)), "number"
    )


def _geometry(spec: _Spec) -> Domain:
    # A point as the server keeps it: four bytes of the system, then Well-Known Binary.
    def plain(random: Random, _: int) -> Value:
        x, y = (struct.pack("<d", random.randrange(1, 80)) for _ in range(2))
        return bytes(4) + b"\x01" + struct.pack("<I", 1) + x + y

    return Domain(plain)


_TEXTS = "char character varchar nchar nvarchar text tinytext mediumtext longtext citext name clob"

_MAKERS: dict[str, Callable[[_Spec], Domain]] = {
    **dict.fromkeys(("tinyint", "int1"), _integer(8)),
    **dict.fromkeys(("smallint", "int2", "smallserial"), _integer(16)),
    "mediumint": _integer(24),
    **dict.fromkeys(("int", "integer", "int4", "serial"), _integer(32)),
    **dict.fromkeys(("bigint", "int8", "bigserial"), _integer(64)),
    **dict.fromkeys(("boolean", "bool"), lambda _: _choice((0, 1), "number")),
    **dict.fromkeys(("numeric", "decimal", "dec", "fixed"), _decimal),
    **dict.fromkeys(("real", "float", "float4"), _float(2.0**100)),
    **dict.fromkeys(("double", "double precision", "float8"), _float(2.0**1000)),
    **dict.fromkeys(("bit", "bit varying", "varbit"), _bits),
    **dict.fromkeys((*_TEXTS.split(), "character varying"), _text),
    **dict.fromkeys(
        ("bytea", "blob", "tinyblob", "mediumblob", "longblob", "binary", "varbinary"), _bytes
    ),
    "enum": _labels,
    "set": _set,
    "record": _record,
    **dict.fromkeys(("json", "jsonb"), _json),
    "uuid": lambda spec: _uuid_shape(spec, 36) or _text(spec),
    "date": _date,
    **dict.fromkeys(
        ("datetime", "timestamp", "timestamp without time zone", "timestamp with time zone"),
        _moment,
    ),
    **dict.fromkeys(("time", "time without time zone", "time with time zone"), _time),
    "year": _year,
}
_AFFINITIES = (
    ("int", _integer(32)),
    ("char", _text),
    ("clob", _text),
    ("text", _text),
    ("blob", _bytes),
    ("real", _float(2.0**100)),
    ("floa", _float(2.0**100)),
    ("doub", _float(2.0**1000)),
)

# By the text that the database reads: an ordinary value first.
_FORMS: dict[str, tuple[str, ...]] = {
    "money": ("#.@", "0", "-92233720368547758.08", "92233720368547758.07"),
    "oid": ("#", "0", "4294967295"),
    "interval": ("# days", "0", "-1 year -2 mons +3 days", "100 years 12:59:59.999999"),
    "inet": ("10.@.#.1", "2001:db8::#", "0.0.0.0/0", "::ffff:1.2.3.4/128"),
    "inet4": ("10.@.#.1", "0.0.0.1", "255.255.255.255"),
    "inet6": ("2001:db8:@::#", "::", "::ffff:1.2.3.4"),
    "cidr": ("10.@.#.1/32", "2001:db8::/32", "0.0.0.0/0"),
    "macaddr": ("08:00:2b:01:#:@", "ff:ff:ff:ff:ff:ff"),
    "macaddr8": ("08:00:2b:01:02:03:#:@", "ff:ff:ff:ff:ff:ff:ff:ff"),
    "tsvector": ("'amber':1 'n#':2", "", "'it''s' 'a:b':3A"),
    "tsquery": ("'amber' & 'n#'", "", "!'it''s' | 'a:b':*A"),
    "xml": ("<a>amber #</a>", '<a b="it&apos;s"/>'),
    "point": ("(#,@)", "(0,0)", "(-1.5,1e+30)"),
    "line": ("{1,-1,#}",),
    "lseg": ("[(0,0),(#,@)]",),
    "box": ("(#,@),(0,0)",),
    "path": ("[(0,0),(#,@)]", "((0,0),(1,0),(1,1))"),
    "polygon": ("((0,0),(1,0),(#,@))",),
    "circle": ("<(0,@),#>",),
    "int4range": ("[@#0,@#9)", "empty", "(,)"),
    "int8range": ("[@#0,@#9)", "empty", "(,)"),
    "numrange": ("[@#.25,@#.75)", "empty", "(,)"),
    "daterange": ("[20#-01-01,20#-02-01)", "empty", "(,)"),
    "tsrange": ("[20#-01-01 00:00:00,20#-01-01 01:00:00)", "empty", "(,)"),
    "tstzrange": ("[20#-01-01 00:00:00+00,20#-01-01 01:00:00+00)", "empty", "(,)"),
    "hstore": ("amber=>#", "", '"it\'s"=>NULL'),
    "ltree": ("amber.n#", ""),
    "jsonpath": ("$.n#",),
    "pg_lsn": ("0/16B@#", "0/0"),
    "regclass": ("pg_class",),
    "geometry": ("POINT(# @)",),
}
# What some type or other reads: for one that is not known here, the database decides.
_ANYTHING = ("#", "1", "amber", "{}", "[]", "empty", "(1,1)", "2001-01-01", "00:00:#", "[1,2]", "")
