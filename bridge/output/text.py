"""What the administrator's commands print: states, plans, runs and reports."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

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
from bridge.output.difference_text import difference_document, difference_lines
from bridge.output.documents import (
    backup_document,
    history_document,
    plan_document,
    report_document,
    status_document,
)
from bridge.output.rows_text import loss_lines, vanished_lines

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bridge.model.journal import PastRun, PastStep
    from bridge.model.results import Backup, Report, Verification
    from bridge.model.state import LegacyState, ModuleState, State
    from bridge.model.steps import Plan
    from bridge.output.console import Output

_COLOURS = {
    "fresh": "cyan",
    "legacy": "yellow",
    "handing over": "yellow",
    "alembic": "green",
    "dormant": "green",
    "unmanaged": "red",
    "ahead": "red",
    "inconsistent": "red",
}

# --- commands -----------------------------------------------------------------------------


def print_status(output: Output, state: State, pending: int | None) -> None:
    """Print where a database stands."""
    if output.as_json:
        output.json(status_document(state, pending))
        return
    output.pairs(
        status_rows(state, pending, output.command("dbupdate")), {"State": _COLOURS[state.kind]}
    )
    for found in state.nearest:
        output.lines(difference_lines(found.differences))
    if state.problem:
        output.line()
        output.problem(state.problem)


def print_plan(output: Output, plan: Plan) -> None:
    """Print what will run."""
    if output.as_json:
        output.json(plan_document(plan))
        return
    output.line(f"{plan.state.database} is {plan.state.kind}.")
    if not plan.steps:
        output.line("Nothing to do.")
        return
    rows = [(str(n), *step_words(step)) for n, step in enumerate(plan.steps, 1)]
    output.table(("", "step", "what", ""), rows)


def print_report(output: Output, report: Report) -> None:
    """Print how a run ended."""
    if output.as_json:
        output.json(report_document(report))
        return
    rows = ", ".join(report.current) or "no revision"
    if report.outcome == "nothing_to_do":
        output.line(f"Nothing to do: the database is at {rows}.")
        return
    if report.outcome == "adopted":
        versions = [s for s, _seconds in report.steps if isinstance(s, SetVersion)]
        told = " and ".join(f"version {s.version} of {s.repository}" for s in versions)
        output.line(("green", "Adopted"), f" at {told}; run: {output.command('dbupdate')}")
        return
    output.line(("green", "Done"), f": {steps_words(report)}; the database is at {rows}.")
    if report.rows:
        output.lines(loss_lines(report.rows))
    output.lines(vanished_lines(report.vanished))


def print_modules(output: Output, modules: Sequence[ModuleState]) -> None:
    """Print the modules, with where the database stands in each."""
    if output.as_json:
        output.json({"modules": [asdict(module) for module in modules]})
        return
    if not modules:
        output.line("There are no modules.")
        return
    rows = [
        (m.name, m.switch, ", ".join(m.current) or "-", ", ".join(m.heads) or "-") for m in modules
    ]
    output.table(("module", "", "current", "head"), rows)
    output.lines(f"{module.name}: {module.problem}" for module in modules if module.problem)


def print_history(output: Output, runs: Sequence[PastRun]) -> None:
    """Print runs with their steps."""
    if output.as_json:
        output.json(history_document(runs))
        return
    if not runs:
        output.line("bridge has not changed this database yet.")
    for run in runs:
        output.line(("bold", run_words(run)))
        rows = [past_words(step) for step in run.steps]
        if rows:
            output.table(("step", "from", "to", "", "seconds", ""), rows)


def print_verification(output: Output, verification: Verification) -> None:
    """Print how the schema compares with what was recorded."""
    if output.as_json:
        output.json(
            {
                "compared": list(verification.compared),
                "not_recorded": list(verification.not_recorded),
                "differences": difference_document(verification.differences),
                "equal": not verification.stops,
            }
        )
        return
    output.lines(f"Nothing is recorded of {what}." for what in verification.not_recorded)
    if not verification.compared:
        output.line("There is nothing to compare the schema with.")
        return
    told = " and ".join(verification.compared)
    verdict = "is not that of" if verification.stops else "is that of"
    output.line(f"The schema {verdict} {told}.")
    output.lines(difference_lines(verification.differences))


def print_restored(output: Output, path: Path, before: Backup | None) -> None:
    """Print what was put back, and where what was there before is."""
    if output.as_json:
        backup = backup_document(before) if before else None
        output.json({"restored": str(path), "backup": backup})
        return
    rows = [("Restored", str(path))]
    rows += [("Backup of what was there", str(before.path))] if before else []
    output.pairs(rows)


# --- words --------------------------------------------------------------------------------


def status_rows(state: State, pending: int | None, command: str) -> list[tuple[str, str]]:
    """Return the lines of `status`, each with its label."""
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
        rows.append(
            ("Interrupted", f"in the step '{state.interrupted}'; the next run resumes in it")
        )
    rows += [("Most like", str(found)) for found in state.nearest]
    rows.append(("Pending", _pending_words(pending, command)))
    return rows


def run_words(run: PastRun) -> str:
    """Return the line of a run: since when, whose, how it ended."""
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
    """Return a step of a run: name, from where, to where, how it ended, seconds, a remark."""
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


def _pending_words(pending: int | None, command: str) -> str:
    if pending is None:
        return "refused, see below"
    if not pending:
        return "nothing: the database is at heads"
    return f"{pending} step{'s' if pending > 1 else ''}; run: {command}"


def steps_words(report: Report) -> str:
    """Return how many steps a run had, and how long they took."""
    seconds = sum(seconds for _step, seconds in report.steps)
    return f"{len(report.steps)} step{'s' if len(report.steps) > 1 else ''} in {seconds:.1f} s"


def step_words(step: Step) -> tuple[str, str, str]:
    """Return a step as three cells: what is done, to what, and a remark."""
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
        number = "row removed" if step.version is None else str(step.version)
        return "set legacy", f"{step.repository} {number}", "running nothing"
    if isinstance(step, Upgrade | Downgrade):
        apart = getattr(step, "non_transactional", None)
        apart = f"statement by statement: {apart}" if apart else ""
        remark = ": ".join(part for part in (step.branch, step.doc, apart) if part)
        return step.kind, step.revision, remark
    if isinstance(step, Foundations):
        return "foundations", step.hook, step.component
    return step.kind.replace("_", " "), "the models' tables", ""
