"""The methods of running a legacy version: live, replayed or ported."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from bridge.database.servers import server_named
from bridge.legacy.repository import VERSION, decode
from bridge.model.errors import NotReplayableError
from bridge.model.remedy import Remedy
from bridge.model.steps import Plan, RunLegacy, Stamp, Step, VerifySchema

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping
    from pathlib import Path

    from bridge.legacy.frozen.files import Frozen
    from bridge.model.difference import Difference
    from bridge.model.repository import Repository
    from bridge.model.state import State

# The comments and strings of a Python file, which may be SQL.
_PIECE = re.compile(
    r"#(?P<comment>[^\n]*)|(?P<quote>\"{3}|'{3}|[\"'])(?P<string>(?:\\.|(?!(?P=quote)).)*)(?P=quote)",
    re.DOTALL,
)


def with_non_transactional(plan: Plan, repositories: Mapping[str, Repository]) -> Plan:
    """Return the plan, with why live versions cannot run as one transaction."""
    versions: dict[str, set[int]] = {}
    for step in plan.steps:
        if isinstance(step, RunLegacy) and step.method == "live":
            versions.setdefault(step.repository, set()).add(step.version)
    non_transactional = {
        name: read_non_transactional(repositories[name], plan.state.dialect, numbers)
        for name, numbers in versions.items()
    }
    steps = (
        replace(step, non_transactional=non_transactional[step.repository].get(step.version))
        if isinstance(step, RunLegacy) and step.method == "live"
        else step
        for step in plan.steps
    )
    return replace(plan, steps=tuple(steps))


def read_non_transactional(
    repository: Repository, dialect: str, versions: Container[int]
) -> dict[int, str]:
    """Return why versions cannot run as one transaction, as far as their text shows.

    The worker notices the others when it comes to them.
    """
    found: dict[int, str] = {}
    if server_named(dialect).past_transaction is None or repository.path is None:
        return found
    for file in (repository.path / "versions").iterdir():
        match = VERSION.match(file.name)
        if not match or int(match.group(1)) not in versions or file.suffix not in (".py", ".sql"):
            continue
        other = file.suffix == ".sql" and not re.search(f"_({dialect}|default)_", file.name)
        part = None if other else _non_transactional(file, dialect)
        if part:
            found[int(match.group(1))] = part
    return found


def _non_transactional(file: Path, dialect: str) -> str | None:
    """Return the part of a script for which it cannot run as one transaction."""
    text = decode(file.read_bytes())
    if file.suffix == ".sql":
        pieces = [text]
    else:
        past = re.search(server_named(dialect).past_transaction or "(?!)", text)
        if past:
            return past.group()
        pieces = [match["comment"] or match["string"] or "" for match in _PIECE.finditer(text)]
    # 3 ms of every start: only a plan with live versions has scripts to read.
    from bridge.database.sql.statements import read

    for piece in pieces:
        for statement in read(piece, dialect):
            # In small letters it may be a sentence, and a single word anything.
            sql = statement.verb == statement.tokens[0].text and (
                len(statement.words) > 1 or statement.verb == "VACUUM"
            )
            if sql and statement.refused_in_transaction:
                return statement.refused_in_transaction
    return None


Methods = Literal["auto", "live", "replay"]
"""What `--legacy` may say."""


def choose_methods(plan: Plan, histories: Mapping[str, Frozen], method: Methods) -> Plan:
    """Return the plan, with the best method for each legacy version.

    Before a stamp stands the comparison of the schema with the frozen one of its versions.

    :param histories: the frozen ones, by the names of the repositories.
    :param method: ``live`` for the scripts themselves; ``replay`` for nothing but what is frozen.
    :raises NotReplayableError: with ``replay``, versions that would have to run live.
    """
    steps = tuple(_steps(plan, histories, method))
    live = [s for s in steps if isinstance(s, RunLegacy) and s.method == "live"]
    if method == "replay" and live:
        listed = "\n".join(f"  {step}: {step.why or 'its history is not frozen'}" for step in live)
        raise NotReplayableError(
            f"{len(live)} of the legacy versions cannot be replayed:\n{listed}",
            help=Remedy("Let these run live, as they do without --legacy replay", ("dbupdate",)),
        )
    return replace(plan, steps=steps)


def _steps(plan: Plan, histories: Mapping[str, Frozen], method: Methods) -> Iterator[Step]:
    state = plan.state
    ends = {name: s.start for name, s in state.legacy.items() if s.waiting}
    for step in plan.steps:
        if isinstance(step, RunLegacy):
            ends[step.repository] = step.version
            frozen = histories.get(step.repository)
            chosen, why = ("live", None) if frozen is None else _choose(step, plan, frozen, method)
            yield replace(step, method=chosen, why=why)
            continue
        if isinstance(step, Stamp):
            verified = tuple(
                (name, version)
                for name, version in ends.items()
                if version is not None and is_recorded(histories.get(name), state.dialect, version)
            )
            if verified:
                yield VerifySchema(verified)
            ends = {}
        yield step


def in_the_way(drift: Iterable[Difference], dialect: str) -> list[Difference]:
    """Return the differences with which the frozen statements might not do what the script does.

    A table without a character set of its own has the server's. What an administrator has added
    stays as it is, but on SQLite, where a script rebuilds a table with all that belongs to it.
    """
    return [
        d
        for d in drift
        if not (d.own and d.what in ("character set", "collation"))
        and not (d.own and d.kind == "extra" and not server_named(dialect).rebuilds_tables)
    ]


def is_recorded(frozen: Frozen | None, dialect: str, version: int) -> bool:
    """Return whether a version was frozen on this kind of database."""
    history = frozen.on(dialect) if frozen else None
    return history is not None and version in history.versions


def _cut_short(state: State, repository: str) -> bool:
    """Whether a run was interrupted in a version that did not run live, and so resumes."""
    its = (state.interrupted or "").startswith(f"legacy {repository} ")
    return its and state.interrupted_method in ("replay", "ported")


def _choose(
    step: RunLegacy, plan: Plan, frozen: Frozen, method: Methods
) -> tuple[Literal["live", "replay", "ported"], str | None]:
    """Return the method for a version, and why it is live."""
    history = frozen.on(plan.state.dialect)
    drift = in_the_way(plan.state.legacy[step.repository].drift or (), plan.state.dialect)
    if _cut_short(plan.state, step.repository):
        drift = []  # the schema was looked at in the middle of a version
    why = None
    if method == "live":
        why = "as --legacy says"
    elif history is None:
        why = f"its history is not frozen for {plan.state.dialect}"
    elif step.version not in history.versions:
        why = f"it is not frozen for {plan.state.dialect}: {history.error}"
    elif drift:
        before = plan.state.legacy[step.repository].start
        others = f" and {len(drift) - 1} more" if len(drift) > 1 else ""
        why = f"the schema is not that of version {before}: {drift[0].name}{others}"
    elif history.versions[step.version].method == "live":
        why = history.versions[step.version].reason
    else:
        return history.versions[step.version].method, None
    return "live", why
