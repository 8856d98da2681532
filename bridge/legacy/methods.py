"""Choose the method by which each legacy version runs: live, replayed or ported."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from bridge.database.servers import server_named
from bridge.legacy.repository import VERSION, decode
from bridge.model.errors import NotReplayableError, ResumeError
from bridge.model.remedy import RESTORE_EARLIER, Remedy
from bridge.model.steps import Plan, RunLegacy, Stamp, Step, VerifySchema, name_in_journal

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping
    from pathlib import Path

    from bridge.legacy.frozen.files import Frozen
    from bridge.model.difference import Difference
    from bridge.model.repository import Repository
    from bridge.model.state import State

# The comments and strings of a Python file: they may contain SQL.
_PIECE = re.compile(
    r"#(?P<comment>[^\n]*)|(?P<quote>\"{3}|'{3}|[\"'])(?P<string>(?:\\.|(?!(?P=quote)).)*)(?P=quote)",
    re.DOTALL,
)


def with_non_transactional(plan: Plan, repositories: Mapping[str, Repository]) -> Plan:
    """Return the plan, with the reason for each live version that cannot be one transaction."""
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
    """Return why versions cannot run as one transaction, as far as the text of the scripts shows.

    The worker detects the other ones when it runs them.
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
    """Return the part of a script that prevents it from running as one transaction, or None."""
    text = decode(file.read_bytes())
    if file.suffix == ".sql":
        pieces = [text]
    else:
        past = re.search(server_named(dialect).past_transaction or "(?!)", text)
        if past:
            return past.group()
        pieces = [match["comment"] or match["string"] or "" for match in _PIECE.finditer(text)]
    # Imported here because it takes 3 ms: only a plan with live versions has scripts to read.
    from bridge.database.sql.statements import read

    for piece in pieces:
        for statement in read(piece, dialect):
            # A verb in lower case may be part of a sentence, and a single word may be anything.
            sql = statement.verb == statement.tokens[0].text and (
                len(statement.words) > 1 or statement.verb == "VACUUM"
            )
            if sql and statement.refused_in_transaction:
                return statement.refused_in_transaction
    return None


Methods = Literal["auto", "live", "replay"]
"""The values of `--legacy`."""


def choose_methods(plan: Plan, histories: Mapping[str, Frozen], method: Methods) -> Plan:
    """Return the plan, with the best method for each legacy version.

    Before each stamp a step is added that compares the schema with the frozen schema, if there is
    one.

    :param histories: the frozen histories, by the names of the repositories.
    :param method: ``live`` runs every script itself; ``replay`` runs nothing but what is frozen.
    :raises NotReplayableError: with ``replay``, some versions would have to run live.
    """
    steps = tuple(_steps(plan, histories, method))
    _check_interrupted(steps, plan.state)
    live = [s for s in steps if isinstance(s, RunLegacy) and s.method == "live"]
    if method == "replay" and live:
        listed = "\n".join(f"  {step}: {step.why or 'its history is not frozen'}" for step in live)
        raise NotReplayableError(
            f"{len(live)} of the legacy versions cannot be replayed:\n{listed}",
            help=Remedy("Without --legacy replay, their scripts are run", ("dbupdate",)),
        )
    return replace(plan, steps=steps)


def _check_interrupted(steps: Iterable[Step], state: State) -> None:
    """Refuse to go on with a version by another method: it would begin at its start."""
    method = state.interrupted_method
    for step in steps:
        if not isinstance(step, RunLegacy) or name_in_journal(step) != state.interrupted:
            continue
        if method is not None and step.method != method:
            raise ResumeError(
                f"An earlier run was interrupted in the step '{step}', which it ran by the method "
                f"{method}. Now it would run {step.method}: {step.why or 'it can be replayed'}.",
                help=[Remedy("Let bridge choose the method", ("dbupdate",)), RESTORE_EARLIER],
                state_of_data="This run has changed nothing. What that step had done is there.",
            )


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


def preventing_replay(drift: Iterable[Difference], dialect: str) -> list[Difference]:
    """Return the differences that could make the frozen statements do something else.

    The default character set of the server does not, nor what an administrator has added, except
    on SQLite: there a script rebuilds a table with everything that belongs to it.
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


def _resumes_frozen(state: State, repository: str) -> bool:
    """Return whether a run was interrupted in a version that was replayed or ported."""
    is_legacy = (state.interrupted or "").startswith(f"legacy {repository} ")
    return is_legacy and state.interrupted_method in ("replay", "ported")


def _is_interrupted(step: RunLegacy, state: State, method: str) -> bool:
    return state.interrupted == name_in_journal(step) and state.interrupted_method == method


def _choose(
    step: RunLegacy, plan: Plan, frozen: Frozen, method: Methods
) -> tuple[Literal["live", "replay", "ported"], str | None]:
    """Return the method for a version, and the reason if it is live."""
    history = frozen.on(plan.state.dialect)
    drift = preventing_replay(plan.state.legacy[step.repository].drift or (), plan.state.dialect)
    if _resumes_frozen(plan.state, step.repository):
        drift = []  # the schema that was read is from the middle of a version
    why = None
    if method == "live":
        why = "--legacy live was given"
    elif _is_interrupted(step, plan.state, "live"):
        why = "an earlier run was interrupted in its script"
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
