"""Outcomes of checks of the sample, made by hand: one where all holds, one with findings, one odd.

For tests of what shows them, and for the pictures in the documentation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import count
from pathlib import Path

from bridge import Bridge
from bridge.model.checks import Checked, CheckedDatabase, Finding, Kind, Proof
from bridge.model.diagram import Drawing, Edge, Lane, Node
from bridge.model.difference import Difference

ROOT = Path(__file__).resolve().parents[2]
AT = datetime(2026, 11, 21, 19, 4, 5, tzinfo=timezone.utc)
VERSIONS = (
    ("bridge", "0.1.0"),
    ("python", "3.11.7"),
    ("sqlalchemy", "2.1.0"),
    ("alembic", "1.20.0"),
)
# The kind, the server's version, seconds of all proofs and of one climb, and how slow it is.
SERVERS = (
    ("sqlite", "3.40.1", 3.94, 1.42, 1.0),
    ("postgresql", "15.8", 8.71, 3.05, 2.2),
    ("mariadb", "10.11.6", 7.06, 2.61, 1.9),
)
STARTS = [f"from core {n}" for n in range(15)] + [f"from core 14, likes {n}" for n in range(4)]
SNAPSHOTS = ["core-v03", "core-v07", "core-v10-likes-v01", "core-v14-likes-v03"]
OTHERS: tuple[tuple[Kind, str], ...] = (
    ("fresh", "a new install"),
    ("models", "the models"),
    ("revision", "core: core_tag_slugs"),
    ("revision", "likes: likes_totals"),
    ("revision", "messages: messages_threads"),
    ("base", "core 14 is core_base"),
    ("base", "likes 3 is likes_base"),
)
FILES = ("core is sealed", "likes is sealed", "each branch has one head")

LICENCE = Finding(
    "schema media.license",
    "After the upgrade a column is not what it is in a new install.",
    "Write a revision on the branch core that brings it: bridge revision --branch core -m licence",
    (
        Difference("media.license", "missing", "column", "VARCHAR(40), nullable", None,
                   "the app would fail where it reads it", table="media"),
        Difference("media.title", "other", "type", "VARCHAR(255)", "VARCHAR(200)",
                   "longer titles would be refused", table="media"),
    ),
)  # fmt: skip
LOSS = Finding(
    "rows likes",
    "Rows were lost: 3 of 40.",
    "See the revision likes_weight: what it deletes must be named in check.accept.",
)
FAILURE = Finding(
    "failed legacy core 6",
    'The step legacy core 6 failed: column "state" does not exist\n'
    "SQL: UPDATE media SET state = 'public' WHERE state IS NULL",
    "Fix legacy_migrations/core/versions/006_states.py, then: bridge freeze",
)
INDEX = Finding(
    "schema ix_media_created",
    "After the upgrade there is an index that a new install has not.",
    differences=(
        Difference("ix_media_created", "extra", "index", None, "(created_at)",
                   "of no consequence for the app", own=True, table="media"),
    ),
    accepted=True,
)  # fmt: skip


def _proofs(found: Callable[[str, str], tuple[Finding, ...]]) -> Iterator[Proof]:
    for name in FILES:
        yield Proof("", "files", name, 0.01, findings=found("", name))
    for database, _version, _seconds, _climb, slow in SERVERS:
        for kind, name in OTHERS:
            yield Proof(database, kind, name, round(0.09 * slow, 2), findings=found(database, name))
        starts: list[tuple[Kind, str]] = [("path", name) for name in STARTS]
        starts += [("snapshot", name) for name in SNAPSHOTS]
        for number, (kind, name) in enumerate(starts):
            seconds = round((0.16 - 0.005 * number) * slow, 2)
            steps = 28 - number if kind == "path" else 20
            yield Proof(database, kind, name, seconds, steps, found(database, name))


def _checked(found: Callable[[str, str], tuple[Finding, ...]]) -> Checked:
    bridge = Bridge.from_config(ROOT / "bridge.toml")
    databases = tuple(CheckedDatabase(*server[:4]) for server in SERVERS)
    drawing = bridge.drawing(scripts_only=True)
    return Checked(tuple(_proofs(found)), databases, drawing, AT, VERSIONS)


def green() -> Checked:
    """All holds; one finding is accepted."""
    return _checked(
        lambda database, name: (INDEX,) * (database == "mariadb" and name in STARTS[:3])
    )


def red() -> Checked:
    """A schema that differs from early starts on, rows that are lost, and a start that fails."""

    def found(database: str, name: str) -> tuple[Finding, ...]:
        findings = []
        if name in STARTS[:9] and database in ("sqlite", "postgresql"):
            findings.append(LICENCE)
        if name in (STARTS[17], STARTS[18], SNAPSHOTS[3]) and database:
            findings.append(LOSS)
        if name == STARTS[5] and database == "postgresql":
            findings.append(FAILURE)
        if database == "mariadb" and name in STARTS:
            findings.append(INDEX)
        return tuple(findings)

    return _checked(found)


HOSTILE = (
    "<script>alert('1')</script>\"&amp;",
    "</title></style><img src=x onerror=alert(2)>",
    "\x1b[31mred\x00 \ud800 \u202eoverride",
    "\u05e9\u05dc\u05d5\u05dd <b> \u0627\u0644\u0639\u0631\u0628\u064a\u0629",
    "a_very_" + "long_" * 80 + "name",
)


def odd() -> Checked:
    """Names and messages that would break out of a page, or make it wide; no climb, many starts."""
    numbers = count()
    proofs = [
        Proof(
            database, "path", f"from {name} {number}", 3700.4, 1,
            (Finding(f"schema {name}", f"{name}\n{name}", name, (
                Difference(name, "other", name, name, name, name, table=name),
            )),),
        )
        for name in HOSTILE
        for database in ("sqlite", HOSTILE[0], "oracle", "mssql", "firebird")
        for number in [next(numbers)]
    ]  # fmt: skip
    databases = (CheckedDatabase("sqlite", HOSTILE[0], 0), CheckedDatabase(HOSTILE[0], "1", 4e4, 2))
    lanes = tuple(Lane(name, "branch") for name in HOSTILE)
    nodes = tuple(Node(lane, name, doc=name) for lane, name in enumerate(HOSTILE))
    drawing = Drawing(lanes, nodes, (Edge(0, 1, "depends"),))
    east = timezone(timedelta(hours=5, minutes=30))
    return Checked(tuple(proofs), databases, drawing, AT.astimezone(east), ((HOSTILE[0],) * 2,))


def empty() -> Checked:
    """Nothing was proved."""
    return replace(green(), proofs=(), databases=())
