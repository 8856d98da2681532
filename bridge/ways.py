"""How each legacy version of a plan is run (replayed, ported, live), and what is verified. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Literal

from bridge.errors import ConfigError, NotReplayableError, StateError
from bridge.frozen import Frozen
from bridge.model import Difference, Plan, RunLegacy, SetVersion, Stamp, State, Step, VerifySchema

Ways = Literal["auto", "live", "replay"]
"""What `--legacy` may say."""


def choose_ways(plan: Plan, histories: Mapping[str, Frozen], ways: Ways) -> Plan:
    """The plan, with each legacy version run in the best way that there is.

    Before a stamp stands the comparison of the schema with the frozen one of its versions.

    :param histories: the frozen ones, by the names of the repositories.
    :param ways: ``live`` for the scripts themselves; ``replay`` for nothing but what is frozen.
    :raises NotReplayableError: with ``replay``, versions that would have to run live.
    """
    steps = tuple(_steps(plan, histories, ways))
    live = [s for s in steps if isinstance(s, RunLegacy) and s.how == "live"]
    if ways == "replay" and live:
        listed = "\n".join(f"  {step}: {step.why or 'its history is not frozen'}" for step in live)
        raise NotReplayableError(
            f"{len(live)} of the legacy versions cannot be replayed:\n{listed}",
            help="Let these run live, as they do without --legacy replay: bridge dbupdate",
        )
    return replace(plan, steps=steps)


def adoption(state: State, versions: Mapping[str, int], histories: Mapping[str, Frozen]) -> Plan:
    """The steps that write down at which versions an unmanaged database is.

    :raises StateError: it is not unmanaged, or has the version already.
    :raises ConfigError: a version is not frozen for this kind of database.
    """
    if state.problem is not None and state.kind != "unmanaged":
        raise state.problem
    for name, version in versions.items():
        legacy = state.legacy[name]
        if legacy.version is not None or legacy.handed_over:
            raise StateError(
                f"The database has a version of {name} already.", help="See: bridge status"
            )
        if not _known(histories.get(name), state.dialect, version):
            raise ConfigError(
                f"Version {version} of {name} is not frozen for {state.dialect}, so there is "
                "nothing to compare the database with.",
                help="The developer of the app freezes the history: bridge freeze",
            )
    verify = VerifySchema(tuple(versions.items()))
    return Plan(state, (verify, *(SetVersion(n, v) for n, v in versions.items())))


def _steps(plan: Plan, histories: Mapping[str, Frozen], ways: Ways) -> Iterator[Step]:
    state = plan.state
    ends = {name: s.start for name, s in state.legacy.items() if s.waiting}
    for step in plan.steps:
        if isinstance(step, RunLegacy):
            ends[step.repository] = step.version
            frozen = histories.get(step.repository)
            how, why = ("live", None) if frozen is None else _way(step, plan, frozen, ways)
            yield replace(step, how=how, why=why)
            continue
        if isinstance(step, Stamp):
            verified = tuple(
                (name, version)
                for name, version in ends.items()
                if version is not None and _known(histories.get(name), state.dialect, version)
            )
            if verified:
                yield VerifySchema(verified)
            ends = {}
        yield step


def in_the_way(drift: Iterable[Difference], dialect: str) -> list[Difference]:
    """Of differences, those with which what is frozen might not do what the script does.

    A table without a character set of its own has the server's. What an administrator has added
    stays as it is, but on SQLite, where a script rebuilds a table with all that belongs to it.
    """
    return [
        d
        for d in drift
        if not (d.own and d.what in ("character set", "collation"))
        and not (d.own and d.kind == "extra" and dialect != "sqlite")
    ]


def _known(frozen: Frozen | None, dialect: str, version: int) -> bool:
    history = frozen.on(dialect) if frozen else None
    return history is not None and version in history.versions


def _cut_short(state: State, repository: str) -> bool:
    """Whether a run was cut short in a version that did not run live: so it goes on."""
    its = (state.interrupted or "").startswith(f"legacy {repository} ")
    return its and state.interrupted_how in ("replay", "ported")


def _way(
    step: RunLegacy, plan: Plan, frozen: Frozen, ways: Ways
) -> tuple[Literal["live", "replay", "ported"], str | None]:
    """How a version is run, and why live."""
    history = frozen.on(plan.state.dialect)
    drift = in_the_way(plan.state.legacy[step.repository].drift or (), plan.state.dialect)
    if _cut_short(plan.state, step.repository):
        drift = []  # the schema was looked at in the middle of a version
    why = None
    if ways == "live":
        why = "as --legacy says"
    elif history is None:
        why = f"its history is not frozen for {plan.state.dialect}"
    elif step.version not in history.versions:
        why = f"it is not frozen for {plan.state.dialect}: {history.error}"
    elif drift:
        before = plan.state.legacy[step.repository].start
        others = f" and {len(drift) - 1} more" if len(drift) > 1 else ""
        why = f"the schema is not that of version {before}: {drift[0].name}{others}"
    elif history.versions[step.version].how == "live":
        why = history.versions[step.version].reason
    else:
        return history.versions[step.version].how, None
    return "live", why
