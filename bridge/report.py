"""The one place that turns states, plans, reports and errors into output: text or JSON.

On a terminal the text is rich's; elsewhere it is plain lines that a log can keep. With
`--json` only JSON goes to standard output.
"""

from __future__ import annotations

import json
import os
import re
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from bridge.beginning import Beginning, beginning_document, beginning_lines
from bridge.comparison import (
    foreign_key_lines,
    loss_lines,
    rehearsal_document,
    rows_document,
    rows_table,
    schema_lines,
)
from bridge.discretion import Hide, discreet_streams, scrubbed
from bridge.drawing import Drawing, Node, plain
from bridge.drift import difference_document, difference_lines
from bridge.errors import BridgeError
from bridge.findings import (
    accepting_lines,
    check_document,
    finding_lines,
    lasting,
    proof_table,
    readable,
    summary,
    told,
    verdict,
)
from bridge.frozen import Freeze, Recorded, Recording
from bridge.model import (
    Backup,
    Downgrade,
    Foundations,
    Imported,
    LegacyState,
    ModuleState,
    PastRun,
    PastStep,
    Plan,
    Rehearsal,
    Report,
    RunLegacy,
    SetVersion,
    Snapshot,
    Stamp,
    State,
    Step,
    Upgrade,
    Verification,
    VerifySchema,
    done_as_dict,
    size_words,
    standing,
    step_as_dict,
)
from bridge.proof import Checked, Proof

_COMMAND = re.compile(
    r"\bbridge(?= (?:status|plan|dbupdate|resume|restore|history|verify|adopt|freeze|revision"
    r"|alembic|graph|modules|runtime|check|init|snapshot|--help)\b)"
)
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
_MARK = 9
"""The width of the words below with their gap."""
_UNBROKEN = 100_000
"""The width of a log: rich cuts what is longer off a tree."""
_STANDINGS = {"applied": "green", "here": "bold yellow", "pending": "cyan", "": ""}

# --- documents ----------------------------------------------------------------------------


def status_document(state: State, pending: int | None) -> dict[str, Any]:
    """`status --json`: `pending` counts the steps of the plan, None where it is refused."""
    document: dict[str, Any] = {
        "state": state.kind,
        "database": state.database,
        "legacy": {
            name: {
                "repository_id": legacy.repository.repository_id,
                "version": legacy.version,
                "last": legacy.repository.last,
            }
            for name, legacy in state.legacy.items()
        },
        "alembic": {"current": list(state.current), "targets": list(state.targets)},
        "pending": pending,
    }
    if state.dormant:
        document["dormant"] = {name: list(rows) for name, rows in state.dormant.items()}
    if state.interrupted:
        document["interrupted"] = state.interrupted
    if state.nearest:
        document["nearest"] = [
            {
                "repository": found.repository,
                "version": found.version,
                "differences": difference_document(found.differences),
            }
            for found in state.nearest
        ]
    if state.problem:
        document["problem"] = state.problem.as_dict()
    return document


def plan_document(plan: Plan) -> dict[str, Any]:
    """`plan --json`."""
    return {
        "state": plan.state.kind,
        "steps": [step_as_dict(step) for step in plan.steps],
    }


def backup_document(backup: Backup) -> dict[str, Any]:
    """A backup in JSON; its size in bytes."""
    return {"file": str(backup.path), "size": backup.size}


def snapshot_document(snapshot: Snapshot) -> dict[str, Any]:
    """A snapshot in JSON; its size in bytes, its versions null where it does not say."""
    return {
        "file": str(snapshot.path),
        "kind": snapshot.kind,
        "versions": None if snapshot.versions is None else dict(snapshot.versions),
        "revisions": list(snapshot.revisions),
        "size": snapshot.size,
    }


def _where(snapshot: Snapshot) -> str:
    if snapshot.versions is None:
        return "-"
    return standing(snapshot.versions, snapshot.revisions)


def report_document(report: Report) -> dict[str, Any]:
    """`dbupdate --json`."""
    document: dict[str, Any] = {
        "outcome": report.outcome,
        "steps": [done_as_dict(step, seconds) for step, seconds in report.steps],
        "current": list(report.current),
    }
    if report.dormant:
        document["dormant"] = {name: list(rows) for name, rows in report.dormant.items()}
    if report.backup:
        document["backup"] = backup_document(report.backup)
    if report.rows:
        document |= rows_document(report.rows)
    return document


# --- words --------------------------------------------------------------------------------


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
        for row in state.strangers
    ]
    if state.interrupted:
        rows.append(("Cut short", f"in the step '{state.interrupted}'; the next run goes on in it"))
    rows += [("Most like", str(found)) for found in state.nearest]
    rows.append(("Pending", _pending_words(pending)))
    return rows


def history_document(runs: Iterable[PastRun]) -> dict[str, Any]:
    """`history --json`: times are ISO 8601, in UTC."""

    def plain_values(items: Iterable[tuple[str, Any]]) -> dict[str, Any]:
        return {k: f"{v.isoformat()}Z" if isinstance(v, datetime) else v for k, v in items}

    return {"runs": [asdict(run, dict_factory=plain_values) for run in runs]}


def _run_words(run: PastRun) -> str:
    """The line of a run: since when, whose, how it ended."""
    whose = "Alembic, without bridge"
    if run.host is not None:
        whose = f"{run.user} on {run.host} (process {run.process}), bridge {run.bridge_version}"
    how = {"done": "done", "begun": "never ended: it runs, or was killed"}.get(run.status, "failed")
    seconds = f" after {_seconds(run)} s" if run.ended and run.host is not None else ""
    code = f" [{run.error}]" if run.error else ""
    return f"{run.begun:%F %T} UTC, {whose}: {how}{code}{seconds}"


def _past_words(step: PastStep) -> tuple[str, ...]:
    start, end = ", ".join(step.start) or "-", ", ".join(step.end) or "-"
    status = {"begun": "never ended"}.get(step.status, step.status)
    remark = ", ".join(
        [
            *([step.how] if step.how else []),
            *(["statement by statement"] if step.one is False and step.how == "live" else []),
            *([f"accepted: {', '.join(step.accepted)}"] if step.accepted else []),
        ]
    )
    return (step.name, start, end, status, _seconds(step), remark)


def _seconds(past: PastRun | PastStep) -> str:
    return f"{(past.ended - past.begun).total_seconds():.2f}" if past.ended else "-"


def _node_words(node: Node, remark: str) -> Text:
    """A line of `graph`: standing, name, what it hangs on, what it does."""
    text = Text()
    text.append(f"{node.standing:<{_MARK}}", style=_STANDINGS[node.standing])
    text.append(plain(node.name), style="bold" if node.standing == "here" else "")
    text.append(f" ({plain(remark)})" if remark else "", style="dim")
    text.append(f": {plain(node.doc)}" if node.doc else "")
    return text


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


def _steps_words(report: Report) -> str:
    seconds = sum(seconds for _step, seconds in report.steps)
    return f"{len(report.steps)} step{'s' if len(report.steps) > 1 else ''} in {seconds:.1f} s"


def recorded_words(found: Recorded) -> str:
    """A recorded version: what, how it runs from now on, its times, and why not otherwise."""
    history = found.history
    count = history.count
    words = f"{found.repository} {found.version}  {history.how}"
    words += f"  {count} statement{'' if count == 1 else 's'}, live {found.live:.3f} s"
    if found.seconds is not None:
        words += f", {'ported' if history.ported else 'replayed'} {found.seconds:.3f} s"
    return f"{words}: {history.reason}" if history.reason else words


def freeze_lines(recording: Recording) -> Iterator[str]:
    """What became of each repository on one kind of database, and what could not be filled."""
    for name in dict.fromkeys([*(v.repository for v in recording.versions), *recording.errors]):
        ways = [v.history.how for v in recording.versions if v.repository == name]
        counts = {how: ways.count(how) for how in ("replay", "ported", "live")}
        words = f"{name} on {recording.dialect}: {len(ways)} versions, {counts['replay']} replayed"
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


def freeze_document(freeze: Freeze) -> dict[str, Any]:
    """A freeze as JSON; times in seconds."""
    recordings = [
        {
            "database": recording.dialect,
            "versions": [
                {
                    "repository": found.repository,
                    "version": found.version,
                    "statements": found.history.count,
                    "how": found.history.how,
                    "reason": found.history.reason,
                    "live": round(found.live, 4),
                    "frozen": None if found.seconds is None else round(found.seconds, 4),
                }
                for found in recording.versions
            ],
            "ends": dict(recording.errors),
            "not_filled": dict(recording.unfilled),
        }
        for recording in freeze.recordings
    ]
    sealed = [
        {"repository": s.repository, "outcome": s.outcome, "changes": list(s.changes)}
        for s in freeze.sealed
    ]
    return {"recordings": recordings, "sealed": sealed}


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
        remark = f"{step.how}, statement by statement: {step.apart}" if step.apart else step.how
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


# --- output -------------------------------------------------------------------------------


class Output:
    """Where the command line writes: text for people, or JSON.

    :param as_json: only JSON goes to standard output, errors too.
    :param debug: an error is followed by its traceback, on standard error.
    :param program: what to type for "bridge": an app's own command line has another name for it.
    :param hide: takes the passwords out of what other programs have written.
    """

    def __init__(
        self,
        *,
        as_json: bool = False,
        debug: bool = False,
        program: str = "bridge",
        hide: Hide = lambda text: text,
    ) -> None:
        self.as_json, self.debug, self._program = as_json, debug, program
        self.hide = hide
        # soft_wrap: a path or an SQL statement that is broken in two cannot be copied.
        # file: the streams of now, also while those of scripts are others.
        self.console = Console(file=sys.stdout, soft_wrap=True, highlight=False)
        self.errors = Console(file=sys.stderr, soft_wrap=True, highlight=False)

    def status(self, state: State, pending: int | None) -> None:
        """Print where a database stands."""
        if self.as_json:
            self._json(status_document(state, pending))
            return
        self._pairs(status_rows(state, pending), {"State": _COLOURS[state.kind]})
        for found in state.nearest:
            for line in difference_lines(found.differences):
                self.console.print(escape(line))
        if state.problem:
            self.console.print()
            self._print_error(state.problem, self.console)

    def plan(self, plan: Plan) -> None:
        """Print what will run."""
        if self.as_json:
            self._json(plan_document(plan))
            return
        self.console.print(f"{escape(plan.state.database)} is {plan.state.kind}.")
        if not plan.steps:
            self.console.print("Nothing to do.")
            return
        rows = [(str(n), *step_words(step)) for n, step in enumerate(plan.steps, 1)]
        self._table(("", "step", "what", ""), rows)

    def sql(self, text: str) -> None:
        """Print a script, as it is: in a value, too, no word may become another one."""
        if self.as_json:
            text = json.dumps({"sql": text}, indent=2, ensure_ascii=False) + "\n"
        # Bytes: the script is UTF-8, whatever the terminal's or the shell's language is.
        self.console.file.flush()
        stream = getattr(self.console.file, "buffer", None)
        if stream is None:
            self.console.file.write(text)
        else:
            stream.write(text.encode())
            stream.flush()

    def report(self, report: Report) -> None:
        """Print how a run ended."""
        if self.as_json:
            self._json(report_document(report))
            return
        rows = ", ".join(report.current) or "no revision"
        if report.outcome == "nothing_to_do":
            self.console.print(f"Nothing to do: the database is at {escape(rows)}.")
            return
        if report.outcome == "adopted":
            versions = [s for s, _seconds in report.steps if isinstance(s, SetVersion)]
            told = " and ".join(f"version {s.version} of {s.repository}" for s in versions)
            self.console.print(f"[green]Adopted[/] at {escape(told)}; run: bridge dbupdate")
            return
        self.console.print(
            f"[green]Done[/]: {_steps_words(report)}; the database is at {escape(rows)}."
        )
        if report.rows:
            self._lines(loss_lines(report.rows))

    def rehearsal(self, rehearsal: Rehearsal) -> None:
        """Print what came of a run on a copy."""
        report, before, after = rehearsal.report, rehearsal.before, rehearsal.after
        if self.as_json:
            self._json({**report_document(report), **rehearsal_document(rehearsal)})
            return
        if report.rows is None or before is None or after is None:
            self.report(report)
            return
        self.console.print()
        header = ("table", "before", "after", "")
        rows = rows_table(report.rows)
        self._table(header, rows if self.console.is_terminal else [header, *rows])
        self.console.print()
        self._lines(schema_lines(before.tables, after.tables))
        self._lines(foreign_key_lines(before, after))
        reached = escape(", ".join(report.current) or "no revision")
        self.console.print(
            f"[green]Rehearsed[/]: {_steps_words(report)}, to {reached}. That was a copy; the "
            "database is unchanged."
        )

    def modules(self, modules: Sequence[ModuleState]) -> None:
        """Print the modules, with where the database stands in each."""
        if self.as_json:
            self._json({"modules": [asdict(module) for module in modules]})
            return
        if not modules:
            self.console.print("There are no modules.")
            return
        rows = [
            (m.name, m.switch, ", ".join(m.current) or "-", ", ".join(m.heads) or "-")
            for m in modules
        ]
        self._table(("module", "", "current", "head"), rows)
        for module in modules:
            if module.problem:
                self.console.print(f"{escape(module.name)}: {escape(module.problem)}")

    def history(self, runs: Sequence[PastRun]) -> None:
        """Print runs with their steps."""
        if self.as_json:
            self._json(history_document(runs))
            return
        if not runs:
            self.console.print("bridge has not changed this database yet.")
        for run in runs:
            self.console.print(f"[bold]{escape(_run_words(run))}[/]")
            rows = [_past_words(step) for step in run.steps]
            if rows:
                self._table(("step", "from", "to", "", "seconds", ""), rows)

    def graph(self, drawing: Drawing) -> None:
        """Print the lanes of a drawing as a tree."""
        if self.as_json:
            self._json(asdict(drawing))
            return
        tree = Tree(Text(plain(drawing.title)))
        remarks = drawing.remarks()
        for lane, places in drawing.by_lane():
            title = Text(plain(lane.title), style="bold")
            if lane.note:
                title.append(f" ({lane.note})", style="not bold")
            branch = tree.add(title)
            for place in places:
                node = _node_words(drawing.nodes[place], remarks[place])
                branch.add(node if drawing.database else node[_MARK:])
        if not self.console.is_terminal:
            self.console.width = _UNBROKEN
        self.console.print(tree, soft_wrap=False)

    def snapshots(self, found: Sequence[Snapshot]) -> None:
        """Print which snapshots there are."""
        if self.as_json:
            self._json({"snapshots": [snapshot_document(snapshot) for snapshot in found]})
            return
        if not found:
            self.console.print("There are no snapshots.")
            return
        rows = [(s.path.name, _where(s), s.kind, size_words(s.size)) for s in found]
        self._table(("snapshot", "at", "", "size"), rows)

    def snapshot(self, made: Snapshot) -> None:
        """Print where a snapshot was written."""
        if self.as_json:
            self._json(snapshot_document(made))
            return
        size = size_words(made.size)
        self.console.print(f"[green]Written[/]: {escape(str(made.path))} ({_where(made)}, {size})")

    def imported(self, found: Imported) -> None:
        """Print what came of a database that was taken in."""
        if self.as_json:
            document = snapshot_document(found.snapshot)
            document["differences"] = difference_document(found.drift)
            if found.scrubbed is not None:
                document |= {"scrubbed": found.scrubbed, "kept": dict(found.kept)}
            self._json(document)
            return
        if found.drift:
            self.console.print("The schema is not the frozen one of its version:")
            self._lines(difference_lines(found.drift))
        if found.scrubbed is not None:
            self.console.print(f"{found.scrubbed} texts are scrubbed.")
        if found.kept:
            self.console.print("As they were, for you to look at:")
            self._lines(f"  {name}: {why}" for name, why in found.kept.items())
        self.snapshot(found.snapshot)

    def revision(self, path: Path, kept: Sequence[str]) -> None:
        """Print where a new revision is, and what autogenerate has left alone."""
        self.console.print(f"[green]Written[/]: {escape(str(path))}")
        if kept:
            self.note(
                f"In the database, in no model, and left alone, because no script of this branch "
                f"makes them: {', '.join(kept)}"
            )

    def note(self, text: str) -> None:
        """Print a remark to standard error: standard output may be read by a program."""
        self.errors.print(escape(self._typed(text)))

    def remarks(self) -> TextProgress:
        """What notes of a command go to that prints its outcome at the end."""
        return TextProgress(self.errors)

    def freeze_progress(self) -> FreezeText:
        """What shows the versions that are recorded; on standard error."""
        return FreezeText(self.errors)

    def freeze(self, freeze: Freeze) -> None:
        """Print what was recorded and sealed."""
        if self.as_json:
            self._json(freeze_document(freeze))
            return
        for line in (line for recording in freeze.recordings for line in freeze_lines(recording)):
            self.console.print(escape(line))
        for sealed in freeze.sealed:
            words = {"new": "is sealed", "changed": "is sealed anew", "unchanged": "is as sealed"}
            more = f": {', '.join(sealed.changes)}" if sealed.outcome == "changed" else ""
            self.console.print(escape(f"{sealed.repository} {words[sealed.outcome]}{more}."))

    def check_progress(self) -> CheckText:
        """What shows the proofs as they end; on standard error."""
        return CheckText(self.errors)

    def checked(self, checked: Checked) -> None:
        """Print what holds on each database, and each finding once."""
        if self.as_json:
            self._json(check_document(checked))
            return
        header, rows = proof_table(checked)
        self._table(header, rows if self.console.is_terminal else [header, *rows])
        wrong = told(checked.proofs, accepted=False)
        for one in wrong:
            first, *rest = map(self._typed, map(readable, finding_lines(one)))
            self.console.print()
            self.console.print(f"[red]{escape(first)}[/]")
            self._lines(rest)
        accepted = told(checked.proofs, accepted=True)
        if accepted:
            self.console.print("\nAccepted:")
        for one in accepted:
            self._lines([readable(f"  {one.finding.name} ({'; '.join(one.where())})")])
        if wrong:
            self.console.print()
            self._lines(map(readable, accepting_lines(wrong)))
        colour = "green" if checked.ok and checked.proofs else "red"
        self.console.print(f"\n[{colour}]{verdict(checked)}[/]: {escape(summary(checked))}")

    def beginning(self, beginning: Beginning) -> None:
        """Print what was written and proved, and what is left to do."""
        if self.as_json:
            self._json(beginning_document(beginning))
        else:
            self._lines(beginning_lines(beginning))

    def verification(self, verification: Verification) -> None:
        """Print how the schema compares with what was recorded."""
        if self.as_json:
            self._json(
                {
                    "compared": list(verification.compared),
                    "not_recorded": list(verification.not_recorded),
                    "differences": difference_document(verification.differences),
                    "equal": not verification.stops,
                }
            )
            return
        for what in verification.not_recorded:
            self.console.print(escape(f"Nothing is recorded of {what}."))
        if not verification.compared:
            self.console.print("There is nothing to compare the schema with.")
            return
        told = " and ".join(verification.compared)
        verdict = "is not that of" if verification.stops else "is that of"
        self.console.print(escape(f"The schema {verdict} {told}."))
        for line in difference_lines(verification.differences):
            self.console.print(escape(line))

    def restored(self, path: Path, before: Backup | None) -> None:
        """Print what was put back, and where what was there before is."""
        if self.as_json:
            backup = backup_document(before) if before else None
            self._json({"restored": str(path), "backup": backup})
            return
        rows = [("Restored", str(path))]
        rows += [("Backup of what was there", str(before.path))] if before else []
        self._pairs(rows, {})

    def pairs(self, rows: Sequence[tuple[str, str]]) -> None:
        """Print labelled lines, or one JSON object of them."""
        if self.as_json:
            self._json({label.lower().replace(" ", "_"): text for label, text in rows})
        else:
            self._pairs(rows, {})

    def error(self, error: BridgeError) -> None:
        """Print an error: to standard error, or as JSON to standard output."""
        scrubbed(error, self.hide)
        if self.debug:
            # Lines of source code are in it too.
            self.errors.file.write(self.hide("".join(traceback.format_exception(error))))
        if self.as_json:
            self._json({"error": error.as_dict()})
            return
        self._print_error(error, self.errors)

    def progress(self) -> TextProgress | TerminalProgress:
        """What shows the steps of a run; on standard error when JSON is wanted."""
        if self.console.is_terminal and not self.as_json:
            return TerminalProgress(self.console, self.hide)
        return TextProgress(self.errors if self.as_json else self.console)

    # --- how ------------------------------------------------------------------------------

    def _json(self, document: Mapping[str, Any]) -> None:
        text = json.dumps(document, indent=2, ensure_ascii=False)
        self.console.file.write(self._typed(text) + "\n")

    def _typed(self, text: str) -> str:
        """The text with our commands as they are typed here."""
        return _COMMAND.sub(lambda _match: self._program, text)

    def _pairs(self, rows: Sequence[tuple[str, str]], colours: Mapping[str, str]) -> None:
        width = max(len(label) for label, _text in rows)
        for label, text in rows:
            shown = escape(self._typed(text))
            if label in colours:
                shown = f"[{colours[label]}]{shown}[/]"
            self.console.print(f"[bold]{label:<{width}}[/]  {shown}")

    def _lines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.console.print(escape(line))

    def _table(self, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        if self.console.is_terminal:
            table = Table(*header, box=None, header_style="dim")
            for row in rows:
                table.add_row(*map(escape, row))
            self.console.print(table, soft_wrap=False)
            return
        rows = list(rows)
        widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self.console.print(escape("  ".join(cells).rstrip()))

    def _print_error(self, error: BridgeError, console: Console) -> None:
        message, state, help = map(self._typed, (error.message, error.state_of_data, error.help))
        console.print(f"[red]Error[/] {escape(f'[{error.code}]')} {escape(message)}")
        console.print(f"State of the data: {escape(state)}")
        if help:
            console.print(f"What to do: {escape(help)}")


class FreezeText:
    """How a freeze goes, as plain lines."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def note(self, text: str) -> None:
        """Print a line."""
        self.console.print(escape(text))

    def recorded(self, found: Recorded, number: int, total: int) -> None:
        """Print the version and what became of it."""
        place = f"{number:>{len(str(total))}}/{total}"
        self.console.print(escape(f"{place}  {recorded_words(found)}"))


class CheckText:
    """How a check goes, as plain lines."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def note(self, text: str) -> None:
        """Print a line."""
        self.console.print(escape(readable(text)))

    def proved(self, proof: Proof) -> None:
        """Print what was proved, or not."""
        colour = "green" if proof.ok else "red"
        outcome, rest = readable(proof_words(proof)).split(" ", 1)
        self.console.print(f"[{colour}]{outcome}[/] {escape(rest)}")


class TextProgress:
    """Progress as plain lines: one for each step, when it is done."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.place = ""

    def note(self, text: str) -> None:
        """Print a line of preparation."""
        self._print(escape(text))

    def begin(self, step: Step, number: int, total: int) -> None:
        """Remember the number of the step."""
        self.place = f"{number:>{len(str(total))}}/{total}"

    def done(self, step: Step, seconds: float) -> None:
        """Print the step and its time."""
        verb, what, _remark = step_words(step)
        self._print(f"{self.place}  {verb} {escape(what)}  {seconds:.2f} s")

    def close(self) -> None:
        """There is nothing to take away."""

    def _print(self, line: str) -> None:
        try:
            self.console.print(line)
        except (BrokenPipeError, SystemExit):  # rich makes the one into the other
            # Whoever read the output wants no more of it (`| head`): no reason to stop half-way.
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.console.file.fileno())
            os.close(null)


class TerminalProgress(TextProgress):
    """Progress on a terminal: the lines, and under them a bar with the step that runs."""

    def __init__(self, console: Console, hide: Hide) -> None:
        super().__init__(console)
        self._streams = discreet_streams(hide)

    @cached_property
    def bar(self) -> Any:
        """The bar, made when the first step begins: most runs have nothing to do."""
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )

        return Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
        )

    @cached_property
    def task(self) -> Any:
        """The bar's only task."""
        return self.bar.add_task("", total=None)

    def begin(self, step: Step, number: int, total: int) -> None:
        """Show the step beside the bar."""
        super().begin(step, number, total)
        if "bar" not in self.__dict__:
            self.bar.start()
            # rich now stands in the place of both streams, and writes past those before it.
            self._streams.__enter__()
        self.bar.update(self.task, description=escape(str(step)), total=total, completed=number - 1)

    def close(self) -> None:
        """Take the bar away."""
        if "bar" in self.__dict__:
            self._streams.__exit__(None, None, None)
            self.bar.stop()
