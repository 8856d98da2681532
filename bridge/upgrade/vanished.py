"""What a run has taken from tables besides rows: keys, checks, triggers, comments, grants, ..."""

from __future__ import annotations

import ast
import re
import warnings
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from bridge.database.engine import connect, unreadable
from bridge.database.schema import read_schema
from bridge.database.schema.compare import compare, part_of
from bridge.database.servers import server_of
from bridge.database.servers.base import OWNER, PUBLIC, literal
from bridge.model.steps import RunLegacy, Upgrade

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy.engine import Connection, Engine

    from bridge.model.difference import Difference
    from bridge.model.frozen import Schema
    from bridge.model.state import State
    from bridge.model.steps import Step
    from bridge.project import Project

_NOT_PARTS = {"table", "column", "type", "sequence"}
"""What is reported otherwise, or goes with a table."""

_COMMENTS = re.compile(r"_table_comment\b|\bcomment\s*(?:=|['\"]|\bon\b)", re.IGNORECASE)
"""How Alembic and SQL say a comment; not `existing_comment=`, which only repeats it."""

_GRANTS = re.compile(
    r"\b(?:grant|revoke|owner|owned|(?:drop|alter)\s+(?:role|user|group))\b", re.IGNORECASE
)

_LITERAL = re.compile(r"'[^']*'")

_STATEMENT = re.compile(r"(?:'[^']*'|[^;'])+")
"""What is between semicolons, but for those in quotes."""


class Inventory(NamedTuple):
    """What a database has besides rows.

    :param comments: what it is, table, column or '', and the comment or '', of everything that may
        have one; empty where they cannot be read.
    :param grants: privilege, table, column or '', and role, as `Server.grants_sql` has them.
    """

    schema: Schema
    comments: Sequence[tuple[str, ...]] = ()
    grants: Sequence[tuple[str, ...]] = ()


def inventory_of(engine: Engine) -> Inventory:
    """Return what a database has now; nothing on an unknown server.

    :raises DatabaseError: the database cannot be opened, or its schema cannot be read.
    """
    server = server_of(engine)
    if not server.schema_queries:
        return Inventory({})
    with connect(engine) as connection:
        try:
            with connection.begin():
                schema = read_schema(connection)
        except SQLAlchemyError as error:
            raise unreadable(engine.url, error) from None
        try:
            with connection.begin():
                return Inventory(
                    schema,
                    _rows(connection, server.comments_sql),
                    _rows(connection, server.grants_sql),
                )
        except SQLAlchemyError:  # not worth an error: a run does not depend on them
            return Inventory(schema)


def _rows(connection: Connection, query: str | None) -> list[tuple[str, ...]]:
    """Return the rows of a query, sorted by table and column; some drivers give text as bytes."""
    found = connection.exec_driver_sql(query).fetchall() if query else []
    rows = [tuple(v.decode() if isinstance(v, bytes) else str(v) for v in row) for row in found]
    return sorted(rows, key=itemgetter(1, 2, 3, 0))


def vanished(
    project: Project, state: State, steps: Iterable[Step], before: Inventory, after: Inventory
) -> tuple[str, ...]:
    """Return what was there before the steps and is not, or is weaker, after them.

    Left out is what a step's own text names, what goes with a column or table, and what the frozen
    history of a legacy repository has changed itself.

    :param state: of the database before.
    """
    done = list(steps)
    meant = {d.name for d in _of_history(project, state, done)}
    texts = list(_texts(project, state, done))
    text = "\n".join(texts)
    parts = (
        d.name if d.found is None else f"{d.name} (before: {d.expected}, now: {d.found})"
        for d in compare(before.schema, after.schema)
        if _is_weaker(d)
        and d.name not in meant
        and not _is_named(d, before.schema, after.schema, text)
    )
    return (*parts, *_comments(before, after, texts), *_grants(before, after, texts))


def _is_weaker(difference: Difference) -> bool:
    if difference.own or difference.what in _NOT_PARTS:
        return False
    return difference.kind == "missing" or (
        difference.kind == "other" and difference.what == "foreign key"
    )


def _is_named(difference: Difference, before: Schema, after: Schema, text: str) -> bool:
    """Return whether the text of a step names it, or a column of its went."""
    part = part_of(before, difference)
    name = (part or {}).get("name") or ("" if part else difference.name.partition(" ")[2])
    if name and re.search(_word(name), text):
        return True
    table = after.get("tables", {}).get(difference.table, {"columns": ()})
    columns = {column["name"] for column in table["columns"]}
    return not columns.issuperset((part or {}).get("columns", ()))


def _word(name: str) -> str:
    return rf"(?<!\w){re.escape(name)}(?!\w)"


# --- comments and grants ------------------------------------------------------------------


def _comments(before: Inventory, after: Inventory, texts: Iterable[str]) -> Iterator[str]:
    """Yield the comments that are gone or other, of what is still there under its name."""
    now = {(table, column): _flat(text) for _what, table, column, text in after.comments}
    lost = [
        (what, table, column, _flat(text), now[table, column])
        for what, table, column, text in before.comments
        if _flat(text) and now.get((table, column), _flat(text)) != _flat(text)
    ]
    said = _saying(_COMMENTS, texts) if lost else []
    # The text of one comment may have the name of another column among its words.
    bare = [_LITERAL.sub("''", statement) for statement in said]
    plain = [_flat(s.replace("''", "'").replace("\\'", "'")) for s in said]
    for what, table, column, text, found in lost:
        # In a batch, what drops the comment of a table does not name the table.
        names = [column] if column else [table, "drop_table_comment"]
        if not _names(bare, names) and not (found and _names(plain, [found])):
            told = f", now: {found}" if found else ""
            yield f"comment of {what} {_place(table, column)} (before: {text}{told})"


def _grants(before: Inventory, after: Inventory, texts: Iterable[str]) -> Iterator[str]:
    """Yield the grants that are gone, of what is still there under its name."""
    there = {(table, column) for _what, table, column, _text in after.comments}
    held = set(after.grants)
    lost: dict[tuple[str, str, str], list[str]] = {}
    for privilege, table, column, role in before.grants:
        # An owner, or who has the whole table, has each of its columns, and so has everybody.
        enough = {
            (right, table, where, who)
            for right in (privilege, OWNER)
            for where in (column, "")
            for who in (role, PUBLIC)
        }
        if privilege != OWNER and (table, column) in there and held.isdisjoint(enough):
            lost.setdefault((table, column, role), []).append(privilege)
    said = _saying(_GRANTS, texts) if lost else []
    for (table, column, role), privileges in lost.items():
        if not _names(said, [role]):
            yield f"grant {', '.join(privileges)} on {_place(table, column)} to {role}"


def _flat(text: str) -> str:
    return " ".join(text.split())


def _place(table: str, column: str) -> str:
    return f"{table}.{column}" if column else table


def _names(statements: Iterable[str], names: Iterable[str]) -> bool:
    """Return whether one of the statements has one of the names or texts."""
    return any(re.search(_word(n), s, re.IGNORECASE) for s in statements for n in names)


def _saying(sign: re.Pattern[str], texts: Iterable[str]) -> list[str]:
    """Return the statements of the texts that match a pattern."""
    return [s for text in texts for s in _statements(text) if sign.search(s)]


def _statements(text: str) -> Iterator[str]:
    """Yield the statements of a text, Python or SQL: of Python its strings and names.

    One by one, because a script that comments one column may well lose the comment of another.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about backslashes in strings
            tree = ast.parse(text)
    except (SyntaxError, ValueError):
        yield from _STATEMENT.findall(text)
        return
    for node in ast.walk(tree):
        # What a loop goes through is named at its head.
        if isinstance(node, ast.For) or (isinstance(node, ast.stmt) and not hasattr(node, "body")):
            yield from _STATEMENT.findall(" ".join(_strings(node)))


def _strings(statement: ast.stmt) -> Iterator[str]:
    """Yield strings and names, as SQL has them: a comment in quotes, all else without."""
    comments = set()  # a keyword comes before its value
    for node in ast.walk(statement):
        if isinstance(node, ast.keyword) and node.arg in ("comment", "existing_comment"):
            comments.add(node.value)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield literal(node.value) if node in comments else node.value
        elif isinstance(node, ast.keyword) and node.arg:
            yield f"{node.arg}="
        elif isinstance(node, ast.Attribute):
            yield node.attr


# --- what the steps say -------------------------------------------------------------------


def _of_history(project: Project, state: State, steps: list[Step]) -> Iterator[Difference]:
    """Yield what the frozen versions that have run change, as they were recorded."""
    for name in {step.repository for step in steps if isinstance(step, RunLegacy)}:
        frozen, start = project.histories.get(name), state.legacy[name].start
        history = frozen.on(state.dialect) if frozen else None
        if history is not None and start is not None:
            last = max(
                s.version for s in steps if isinstance(s, RunLegacy) and s.repository == name
            )
            yield from compare(history.schema_at(start), history.schema_at(last))


def _texts(project: Project, state: State, steps: list[Step]) -> Iterator[str]:
    """Yield the text of each step: a script, or frozen statements."""
    for step in steps:
        if isinstance(step, Upgrade):
            yield Path(project.revisions.scripts[step.revision].path).read_text("utf-8", "replace")
        elif isinstance(step, RunLegacy) and step.method == "replay":
            history = project.histories[step.repository].on(state.dialect)
            assert history is not None
            yield from history.versions[step.version].statements
        elif isinstance(step, RunLegacy):
            home = project.repositories[step.repository].path
            versions = home.joinpath("versions").iterdir() if home else ()
            for path in (p for p in versions if re.match(rf"0*{step.version}_", p.name)):
                yield path.read_text("utf-8", "replace")
