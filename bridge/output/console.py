"""The one place that turns states, plans, reports and errors into output: text or JSON.

On a terminal the text is rich's; elsewhere it is plain lines that a log can keep. With
`--json` only JSON goes to standard output.
"""

from __future__ import annotations

import json
import re
import sys
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from bridge.model.checks import Checked
from bridge.model.diagram import Drawing, plain
from bridge.model.errors import BridgeError
from bridge.model.frozen import Freeze
from bridge.model.init_result import InitResult
from bridge.model.journal import PastRun
from bridge.model.results import (
    Backup,
    Imported,
    Rehearsal,
    Report,
    Snapshot,
    Verification,
    size_words,
)
from bridge.model.state import ModuleState, State
from bridge.model.steps import Plan, SetVersion
from bridge.output.check_text import (
    accepting_lines,
    check_document,
    finding_lines,
    proof_table,
    readable,
    summary,
    told,
    verdict,
)
from bridge.output.difference_text import difference_document, difference_lines
from bridge.output.documents import (
    backup_document,
    freeze_document,
    history_document,
    plan_document,
    report_document,
    snapshot_document,
    status_document,
)
from bridge.output.init_text import beginning_document, beginning_lines
from bridge.output.progress import CheckText, FreezeText, TerminalProgress, TextProgress
from bridge.output.redaction import Hide, scrubbed
from bridge.output.rehearsal_text import (
    foreign_key_lines,
    loss_lines,
    rehearsal_document,
    rows_table,
    schema_lines,
)
from bridge.output.text import (
    MARK,
    freeze_lines,
    node_words,
    past_words,
    run_words,
    status_rows,
    step_words,
    steps_words,
    where_words,
)

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

_UNBROKEN = 100_000
"""The width of a log: rich cuts what is longer off a tree."""


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
            f"[green]Done[/]: {steps_words(report)}; the database is at {escape(rows)}."
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
            f"[green]Rehearsed[/]: {steps_words(report)}, to {reached}. That was a copy; the "
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
            self.console.print(f"[bold]{escape(run_words(run))}[/]")
            rows = [past_words(step) for step in run.steps]
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
                node = node_words(drawing.nodes[place], remarks[place])
                branch.add(node if drawing.database else node[MARK:])
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
        rows = [(s.path.name, where_words(s), s.kind, size_words(s.size)) for s in found]
        self._table(("snapshot", "at", "", "size"), rows)

    def snapshot(self, made: Snapshot) -> None:
        """Print where a snapshot was written."""
        if self.as_json:
            self._json(snapshot_document(made))
            return
        words = f"{where_words(made)}, {size_words(made.size)}"
        self.console.print(f"[green]Written[/]: {escape(str(made.path))} ({words})")

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
            self.notify(
                f"In the database, in no model, and left alone, because no script of this branch "
                f"makes them: {', '.join(kept)}"
            )

    def notify(self, text: str) -> None:
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

    def beginning(self, beginning: InitResult) -> None:
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
