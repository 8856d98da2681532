"""What each type of column may hold: ordinary values, and values that programs stumble over.

Pure; what looks random comes from the `Random` that is handed in.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

from bridge.database.seeding.domain import (
    Domain,
    Spec,
    Use,
    Value,
    choice_domain,
    constant,
    decimal_domain,
    float_domain,
    form_domain,
    integer_domain,
    written,
)
from bridge.database.seeding.text_domains import bytes_domain, json_domain, text_domain, uuid_shape
from bridge.database.seeding.time_domains import (
    date_domain,
    moment_domain,
    time_domain,
    year_domain,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from bridge.database.seeding.limits import Limits
    from bridge.database.seeding.tables import Column


def domain_of(column: Column, limits: Limits, use: Use) -> Domain:
    """Return the domain of a column."""
    kind, dimensions = column.type.removesuffix("[]"), column.type.endswith("[]")
    arguments = tuple(map(int, re.findall(r"\d+", "".join(re.findall(r"\(([^)]*)\)", kind)))))
    words = re.sub(r"\([^)]*\)", " ", kind).replace('"', "").split()
    unsigned = "unsigned" in words or "zerofill" in words
    base = " ".join(word for word in words if word not in ("signed", "unsigned", "zerofill"))
    spec = Spec(column, limits, base, arguments, unsigned, use.keyed, use.plain)
    document = re.compile(rf"json_valid\W+{re.escape(column.name)}\b", re.IGNORECASE)
    if any(map(document.search, use.conditions)):
        return json_domain(spec)
    domain = _of(spec)
    return _array(domain, known=not column.labels) if dimensions else domain


def _of(spec: Spec) -> Domain:
    if spec.base in ("geometry", "point") and spec.limits.binary_points:
        return _geometry(spec)
    make = _MAKERS.get(spec.base)
    if make is not None:
        return make(spec)
    for base in (spec.base, spec.base.partition(" ")[0]):
        if base in _FORMS:
            return form_domain(*_FORMS[base])
    if spec.limits.any_type:
        # These parts of the name have a meaning.
        for part, make in _AFFINITIES:
            if part in spec.base:
                return make(spec)
        return text_domain(spec)
    return form_domain(*_ANYTHING)


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
    return Domain(plain, (constant("{}"), *((constant("{NULL}"),) if known else ()), both))


def _bits(spec: Spec) -> Domain:
    length = (spec.arguments or (1,))[0]
    if spec.limits.bits_as_text:
        varying = spec.base != "bit"
        length = (spec.arguments or (16 if varying else 1,))[0]
        edges = ["0" * length, "1" * length, *(("",) if varying else ())]
        return Domain(
            lambda random, _: format(random.getrandbits(length), f"0{length}b"),
            tuple(map(constant, edges)),
        )
    edges_ = (0, 2**length - 1)
    return Domain(
        lambda random, _: random.getrandbits(length), tuple(map(constant, edges_)), "number"
    )


def _labels(spec: Spec) -> Domain:
    return choice_domain(spec.column.labels or ("",))


def _set(spec: Spec) -> Domain:
    labels = spec.column.labels
    return Domain(
        lambda random, row: random.choice(labels) if row else labels[0],
        (constant(""), constant(",".join(labels))),
    )


def _record(spec: Spec) -> Domain:
    # All of a composite value's parts are NULL.
    return choice_domain(["(" + "," * (spec.arguments[0] - 1) + ")"])


def _geometry(spec: Spec) -> Domain:
    # A point as the server keeps it: four bytes of the system, then Well-Known Binary.
    def plain(random: Random, _: int) -> Value:
        x, y = (struct.pack("<d", random.randrange(1, 80)) for _ in range(2))
        return bytes(4) + b"\x01" + struct.pack("<I", 1) + x + y

    return Domain(plain)


_TEXTS = "char character varchar nchar nvarchar text tinytext mediumtext longtext citext name clob"

_MAKERS: dict[str, Callable[[Spec], Domain]] = {
    **dict.fromkeys(("tinyint", "int1"), integer_domain(8)),
    **dict.fromkeys(("smallint", "int2", "smallserial"), integer_domain(16)),
    "mediumint": integer_domain(24),
    **dict.fromkeys(("int", "integer", "int4", "serial"), integer_domain(32)),
    **dict.fromkeys(("bigint", "int8", "bigserial"), integer_domain(64)),
    **dict.fromkeys(("boolean", "bool"), lambda _: choice_domain((0, 1), "number")),
    **dict.fromkeys(("numeric", "decimal", "dec", "fixed"), decimal_domain),
    **dict.fromkeys(("real", "float", "float4"), float_domain(2.0**100)),
    **dict.fromkeys(("double", "double precision", "float8"), float_domain(2.0**1000)),
    **dict.fromkeys(("bit", "bit varying", "varbit"), _bits),
    **dict.fromkeys((*_TEXTS.split(), "character varying"), text_domain),
    **dict.fromkeys(
        ("bytea", "blob", "tinyblob", "mediumblob", "longblob", "binary", "varbinary"), bytes_domain
    ),
    "enum": _labels,
    "set": _set,
    "record": _record,
    **dict.fromkeys(("json", "jsonb"), json_domain),
    "uuid": lambda spec: uuid_shape(spec, 36) or text_domain(spec),
    "date": date_domain,
    **dict.fromkeys(
        ("datetime", "timestamp", "timestamp without time zone", "timestamp with time zone"),
        moment_domain,
    ),
    **dict.fromkeys(("time", "time without time zone", "time with time zone"), time_domain),
    "year": year_domain,
}

_AFFINITIES = (
    ("int", integer_domain(32)),
    ("char", text_domain),
    ("clob", text_domain),
    ("text", text_domain),
    ("blob", bytes_domain),
    ("real", float_domain(2.0**100)),
    ("floa", float_domain(2.0**100)),
    ("doub", float_domain(2.0**1000)),
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
