"""What `bridge init` finds, proves and writes; and the text of the `bridge.toml` that it writes.

Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.drift import difference_document, difference_lines
from bridge.model import CORE, Difference


@dataclass(frozen=True)
class Tried:
    """A kind of database on which the history was run; `error` says why it does not run there.

    `differences` are those between what the base revisions make and the end of the history,
    `stamped` what a hand-over has changed, `left` what a downgrade leaves, `rows` the tables with
    other rows, and `failure` what went wrong with a trial. It is not `drafted` where the app has
    revisions already.
    """

    dialect: str
    seconds: float
    error: str | None = None
    differences: tuple[Difference, ...] = ()
    stamped: tuple[Difference, ...] = ()
    left: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    failure: str | None = None
    drafted: bool = True

    @property
    def proved(self) -> bool:
        """Whether the base revisions make what the history leaves, and can be undone."""
        return not (
            self.error or self.differences or self.stamped or self.left or self.rows or self.failure
        )


@dataclass(frozen=True)
class LegacyRows:
    """Rows that the history itself inserts: how many on each kind of database.

    `why` says why the base revision does not insert them, None where it does.
    """

    table: str
    counts: Mapping[str, int]
    why: str | None


@dataclass(frozen=True)
class Beginning:
    """What came of `bridge init`.

    :param files: what was written, relative to the folder of the app.
    :param stamps: by legacy repository, its last version with the revisions that equal it.
    :param carried: what Core has no words for and is in the base revisions as SQL, each with the
        databases that have it.
    :param models: in what the models differ from the base revisions; None where none are named.
    :param todo: lines that are left for the developer to write, and where.
    :param next: the commands that come next.
    """

    root: Path
    files: tuple[str, ...]
    tried: tuple[Tried, ...]
    stamps: Mapping[str, Mapping[int, tuple[str, ...]]]
    carried: Mapping[str, tuple[str, ...]]
    rows: tuple[LegacyRows, ...]
    models: tuple[str, ...] | None
    todo: tuple[str, ...] = ()
    next: tuple[str, ...] = ()

    @property
    def proved(self) -> bool:
        """Whether what was written is right on every database on which the history runs."""
        return all(tried.proved for tried in self.tried if tried.error is None)


ENV = """\
from bridge.revisions import run_environment

run_environment()
"""
"""What an env.py needs."""
TEMPLATE = '''\
"""${message}

Revision ID: ${up_revision}
Revises: ${down_revision | comma,n}
Create Date: ${create_date}
"""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade():
    ${upgrades if upgrades else "pass"}


def downgrade():
    ${downgrades if downgrades else "pass"}
'''
"""The script.py.mako of new revisions."""

# --- names --------------------------------------------------------------------------------

_NO_NAME = {"migrate", "migration", "migrations", "repo", "repository", "db", "database", "legacy"}
_NO_NAME |= {"versions", "sqlalchemy", "the"}


def fit_names(found: Iterable[tuple[str, Path]]) -> list[str]:
    """A name for each repository, from its id, else from its folders."""
    names: list[str] = []
    for identity, path in found:
        texts = [identity, *reversed(path.parts)]
        fit = next(filter(None, map(_fit, texts)), "app")
        if fit == CORE and names:
            fit = "app"  # a module cannot be called so
        name, number = fit, 1
        while name in names:
            number += 1
            name = f"{fit}_{number}"
        names.append(name)
    return names


def _fit(text: str) -> str:
    words = [word for word in re.findall(r"[a-z0-9]+", text.lower()) if word not in _NO_NAME]
    return "_".join(words).lstrip("0123456789_")


# --- bridge.toml --------------------------------------------------------------------------


def configuration_text(tables: Mapping[str, Any], comments: Mapping[str, Sequence[str]]) -> str:
    """`bridge.toml`: the tables, each under its comment.

    :param comments: by the name of a table, the lines above it; by ``table.key``, those above a
        key, or at the end of the table where it has no such key.
    """
    lines = [f"# {line}" for line in comments.get("", ())]
    for name, values in _flat(tables):
        lines += ["", *(f"# {line}" for line in comments.get(name, ())), f"[{name}]"]
        told = set()
        for key, value in values.items():
            lines += [f"# {line}" for line in comments.get(f"{name}.{key}", ())]
            told.add(f"{name}.{key}")
            lines.append(f"{key} = {_toml(value)}")
        for other, texts in comments.items():
            table, _, key = other.rpartition(".")
            if table == name and other not in told and key not in values and f"{name}." in other:
                lines += [f"# {line}" for line in texts]
    return "\n".join(lines) + "\n"


def _flat(tables: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, values in tables.items():
        if name in ("legacy", "module"):
            yield from ((f"{name}.{inner}", value) for inner, value in values.items())
        else:
            yield name, values


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    # Strings, booleans and lists of strings are written alike in JSON.
    return json.dumps(value, ensure_ascii=False)


# --- telling ------------------------------------------------------------------------------


def beginning_lines(found: Beginning) -> Iterator[str]:
    """What came of it, for people."""
    for tried in found.tried:
        yield from _tried_lines(tried)
    scripts = [name for name in found.files if name.endswith("_base.py")]
    if not found.proved:
        yield f"Mend by hand: {', '.join(scripts)}. Then see: bridge check"
    yield "Written:"
    yield from (f"  {name}" for name in found.files)
    for name, stamp in found.stamps.items():
        for version, revisions in stamp.items():
            yield f"Version {version} of {name} is stamped as {', '.join(revisions)}."
    if found.carried:
        yield "As SQL in the base revisions, look at it:"
        yield from (f"  {name} ({', '.join(where)})" for name, where in found.carried.items())
    if found.rows:
        yield "Rows that the history itself inserts:"
        yield from (f"  {_rows_words(rows)}" for rows in found.rows)
    if found.models:
        yield "The models are not what the base revisions make; the next revision is yours:"
        yield from (f"  {text}" for text in found.models)
    elif found.models is not None:
        yield "The models are what the base revisions make."
    yield "Left for you to write:"
    yield from (f"  {text}" for text in found.todo)
    yield "Next:"
    yield from (f"  {command}" for command in found.next)


def _tried_lines(tried: Tried) -> Iterator[str]:
    if tried.error is not None:
        yield f"{tried.dialect}: left out, since the history does not run there."
        yield from (f"  {line}" for line in tried.error.splitlines())
        return
    ran = f"{tried.dialect}: the history runs in {tried.seconds:.1f} s"
    if tried.proved and not tried.drafted:
        yield f"{ran}; the revisions that are there make the same schema."
        return
    if tried.proved:
        yield f"{ran}; the base revisions make the same schema, and a hand-over leaves it as it is."
        return
    yield f"{ran}; the base revisions are not right there:"
    if tried.failure is not None:
        yield from (f"  {line}" for line in tried.failure.splitlines())
    yield from (f"  {line}" for line in difference_lines(tried.differences))
    if tried.rows:
        yield f"  Other rows are in: {', '.join(tried.rows)}."
    if tried.left:
        yield f"  A downgrade leaves: {', '.join(tried.left)}."
    if tried.stamped:
        yield "  A hand-over changes the schema:"
        yield from (f"  {line}" for line in difference_lines(tried.stamped))


def _rows_words(rows: LegacyRows) -> str:
    counts = [*rows.counts.values()]
    told = str(counts[0])
    if len({*counts}) > 1:
        told = ", ".join(f"{count} on {dialect}" for dialect, count in rows.counts.items())
    if rows.why is None:
        return f"{rows.table}: {told}; the base revision inserts them too"
    return (
        f"{rows.table}: {told}; a new install has none of them, since {rows.why}: add them to the "
        "base revision, or to database.foundations"
    )


def beginning_document(found: Beginning) -> dict[str, Any]:
    """The same for JSON."""
    return {
        "files": list(found.files),
        "databases": [
            {
                "database": tried.dialect,
                "seconds": round(tried.seconds, 3),
                "error": tried.error,
                "proved": tried.proved,
                "differences": difference_document(tried.differences),
                "changed_by_hand_over": difference_document(tried.stamped),
                "left_by_downgrade": list(tried.left),
                "other_rows": list(tried.rows),
                "failure": tried.failure,
            }
            for tried in found.tried
        ],
        "proved": found.proved,
        "stamps": {
            name: {str(version): list(revisions) for version, revisions in stamp.items()}
            for name, stamp in found.stamps.items()
        },
        "as_sql": {name: list(where) for name, where in found.carried.items()},
        "rows": [
            {"table": rows.table, "counts": dict(rows.counts), "left_out": rows.why}
            for rows in found.rows
        ],
        "models": None if found.models is None else list(found.models),
        "todo": list(found.todo),
        "next": list(found.next),
    }
