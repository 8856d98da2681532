"""States, plans, steps, runs, recordings and proofs in words, a line or a row each."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from bridge.model.checks import Proof
from bridge.model.diagram import Node, plain
from bridge.model.frozen import Recorded, Recording
from bridge.model.journal import PastRun, PastStep
from bridge.model.results import Report, Snapshot, standing
from bridge.model.state import LegacyState, ModuleState, State
from bridge.model.steps import (
    Downgrade,
    Foundations,
    RunLegacy,
    SetVersion,
    Stamp,
    Step,
    Upgrade,
    VerifySchema,
)
from bridge.output.check_text import lasting

MARK = 9
"""How wide the standing of a node is, with the gap behind it."""

_STANDINGS = {"applied": "green", "here": "bold yellow", "pending": "cyan", "": ""}


def status_rows(state: State, pending: int | None) -> list[tuple[str, str]]:
    """The lines of `status`: label and text."""
    kind = f"{state.kind}: there is no such file yet" if state.new_file else state.kind
    rows = [("Database", state.database), ("State", kind)]
    rows += [(f"Legacy {name}", _legacy_words(legacy)) for name, legacy in state.legacy.items()]
    rows.append(("Alembic current", ", ".join(state.current) or "nothing yet"))
    rows.append(("Alembic targets", ", ".join(state.targets) or "none"))
    rows += [
        ("Dormant", f"{m.name} ({_switch_words(m)}; left alone at {', '.join(m.current)})")
        for m in state.modules
        if m.name in state.dormant
    ]
    rows += [
        (
            "Left alone",
            f"the version row {row.repository_id} at {row.version}, which nothing claims",
        )
        for row in state.unclaimed_rows
    ]
    if state.interrupted:
        rows.append(("Cut short", f"in the step '{state.interrupted}'; the next run goes on in it"))
    rows += [("Most like", str(found)) for found in state.nearest]
    rows.append(("Pending", _pending_words(pending)))
    return rows


def run_words(run: PastRun) -> str:
    """The line of a run: since when, whose, how it ended."""
    whose = "Alembic, without bridge"
    if run.host is not None:
        whose = f"{run.user} on {run.host} (process {run.process}), bridge {run.bridge_version}"
    outcome = {"done": "done", "begun": "never ended: it runs, or was killed"}.get(
        run.status, "failed"
    )
    seconds = f" after {_seconds(run)} s" if run.ended and run.host is not None else ""
    code = f" [{run.error}]" if run.error else ""
    return f"{run.begun:%F %T} UTC, {whose}: {outcome}{code}{seconds}"


def past_words(step: PastStep) -> tuple[str, ...]:
    start, end = ", ".join(step.start) or "-", ", ".join(step.end) or "-"
    status = {"begun": "never ended"}.get(step.status, step.status)
    remark = ", ".join(
        [
            *([step.method] if step.method else []),
            *(["statement by statement"] if step.atomic is False and step.method == "live" else []),
            *([f"accepted: {', '.join(step.accepted)}"] if step.accepted else []),
        ]
    )
    return (step.name, start, end, status, _seconds(step), remark)


def _seconds(past: PastRun | PastStep) -> str:
    return f"{(past.ended - past.begun).total_seconds():.2f}" if past.ended else "-"


def node_words(node: Node, remark: str) -> Text:
    """A line of `graph`: standing, name, what it hangs on, what it does."""
    text = Text()
    text.append(f"{node.standing:<{MARK}}", style=_STANDINGS[node.standing])
    text.append(plain(node.name), style="bold" if node.standing == "here" else "")
    text.append(f" ({plain(remark)})" if remark else "", style="dim")
    text.append(f": {plain(node.doc)}" if node.doc else "")
    return text


def where_words(snapshot: Snapshot) -> str:
    if snapshot.versions is None:
        return "-"
    return standing(snapshot.versions, snapshot.revisions)


def _switch_words(module: ModuleState) -> str:
    return {"off": "switched off", "broken": "switched off and broken"}.get(
        module.switch, module.switch
    )


def _legacy_words(legacy: LegacyState) -> str:
    repository = legacy.repository
    if not legacy.enabled:
        at = "no version" if legacy.version is None else f"version {legacy.version}"
        return f"{at} of {repository.last}; switched off, left alone"
    if legacy.begins:
        return f"no version yet of {repository.last}; begins at {repository.first}"
    if legacy.version is None:
        return "handed over" if legacy.handed_over else "not installed here"
    done = ", handed over" if legacy.handed_over else ""
    return f"version {legacy.version} of {repository.last}{done}"


def _pending_words(pending: int | None) -> str:
    if pending is None:
        return "refused, see below"
    if not pending:
        return "nothing: the database is at heads"
    return f"{pending} step{'s' if pending > 1 else ''}; run: bridge dbupdate"


def steps_words(report: Report) -> str:
    seconds = sum(seconds for _step, seconds in report.steps)
    return f"{len(report.steps)} step{'s' if len(report.steps) > 1 else ''} in {seconds:.1f} s"


def recorded_words(found: Recorded) -> str:
    """A recorded version: what, how it runs from now on, its times, and why not otherwise."""
    history = found.history
    count = history.count
    words = f"{found.repository} {found.version}  {history.method}"
    words += f"  {count} statement{'' if count == 1 else 's'}, live {found.live:.3f} s"
    if found.seconds is not None:
        words += f", {'ported' if history.ported else 'replayed'} {found.seconds:.3f} s"
    return f"{words}: {history.reason}" if history.reason else words


def freeze_lines(recording: Recording) -> Iterator[str]:
    """What became of each repository on one kind of database, and what could not be filled."""
    for name in dict.fromkeys([*(v.repository for v in recording.versions), *recording.errors]):
        methods = [v.history.method for v in recording.versions if v.repository == name]
        counts = {method: methods.count(method) for method in ("replay", "ported", "live")}
        words = (
            f"{name} on {recording.dialect}: {len(methods)} versions, {counts['replay']} replayed"
        )
        if counts["ported"]:
            words += f", {counts['ported']} ported"
        needs = "none needs the legacy runtime"
        if counts["live"]:
            many = counts["live"] > 1
            needs = f"{counts['live']} need{'' if many else 's'} the legacy runtime"
        yield f"{words}; {needs}."
        if name in recording.errors:
            yield f"It ends there: {recording.errors[name]}"
    for table, why in recording.unfilled.items():
        yield f"No rows could be made for {table}: {why}"


def proof_words(proof: Proof) -> str:
    """The line of a proof that has ended: the outcome, what it was about, and its time."""
    found = ", ".join(f.name for f in proof.findings if not f.accepted)
    accepted = sum(finding.accepted for finding in proof.findings)
    words = f"{'ok' if proof.ok else 'FAILED':<6}  {proof.database or '-':<10}  {proof.kind:<8}"
    words += f"  {proof.name}  {lasting(proof.seconds)}"
    words += "" if proof.steps is None else f", {proof.steps} step{'s' * (proof.steps != 1)}"
    words += f", {accepted} accepted" if accepted else ""
    return f"{words}: {found}" if found else words


def step_words(step: Step) -> tuple[str, str, str]:
    """A step as three cells: what is done, to what, and a remark."""
    if isinstance(step, RunLegacy):
        remark = (
            f"{step.method}, statement by statement: {step.non_transactional}"
            if step.non_transactional
            else step.method
        )
        remark = f"{remark}: {step.why}" if step.why else remark
        return "run legacy", f"{step.repository} {step.version}", remark
    if isinstance(step, VerifySchema):
        versions = ", ".join(f"{name} {version}" for name, version in step.versions)
        return "verify", versions, "the schema is the frozen one"
    if isinstance(step, Stamp):
        return "stamp", ", ".join(step.revisions), "the hand-over to Alembic"
    if isinstance(step, SetVersion):
        number = "row taken out" if step.version is None else str(step.version)
        return "set legacy", f"{step.repository} {number}", "running nothing"
    if isinstance(step, Upgrade | Downgrade):
        remark = ": ".join(part for part in (step.branch, step.doc) if part)
        return step.kind, step.revision, remark
    if isinstance(step, Foundations):
        return "foundations", step.hook, step.component
    return step.kind.replace("_", " "), "the models' tables", ""
