"""The report of a check: verdict, table, findings once each, JSON. Pure."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from bridge.model.checks import Checked, Finding, Kind, Proof
from bridge.model.progress import Progress
from bridge.model.remedy import redact, render
from bridge.output.difference_text import difference_document, difference_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from bridge.model.difference import Difference
    from bridge.output.console import Output
    from bridge.output.writer import Writer

KINDS: Mapping[Kind, tuple[str, str]] = {
    "files": ("files", "What needs no database: seals, heads and stamps"),
    "fresh": ("new installs", "A new install reaches the heads, and a second run does nothing"),
    "models": ("models", "The schema at the heads is that of the models"),
    "revision": ("revisions", "A revision can be undone and applied again"),
    "base": ("bases", "Stamped revisions make what the legacy version is"),
    "path": ("paths", "From each legacy version to the heads"),
    "snapshot": ("snapshots", "From each saved old database to the heads"),
}
"""Each kind of proof in a word or two, for the head of a column, and in a sentence."""

WAYS: tuple[Kind, ...] = ("path", "snapshot")
"""The kinds that take an old database to the heads."""

ACCEPTING = "To accept one that is intended, add its name to check.accept in bridge.toml."

MEANT = {"rows", "unproved", "values"}
"""The kinds of findings that often are meant to be so."""

_TITLES = {"mariadb": "MariaDB", "mysql": "MySQL", "postgresql": "PostgreSQL", "sqlite": "SQLite"}

# What XML cannot hold, what a terminal obeys, and what turns the text after it round.
_UNSEEN = re.compile(
    "[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\u202a-\u202e\u2066-\u2069]"
)

# A leading zero belongs to a name: it would be lost in a number.
_NUMBER = re.compile(r"(?<= )(0|[1-9][0-9]*)(?=,|$)")


def readable(text: str) -> str:
    """Return the text with control characters as escapes; line breaks and tabs stay."""
    text = text.replace("\r\n", "\n")
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def scrubbed(checked: Checked, hide: Callable[[str], str]) -> Checked:
    """Return the same with `hide` applied to all texts of findings, before a page escapes them."""

    def shown(finding: Finding) -> Finding:
        name, message = hide(finding.name), hide(finding.message)
        help = redact(finding.remedies, hide)
        differences = tuple(map(shown_difference, finding.differences))
        return Finding(name, message, help, differences, finding.accepted)

    def shown_difference(difference: Difference) -> Difference:
        expected, found = (v and hide(v) for v in (difference.expected, difference.found))
        meaning = hide(difference.meaning)
        return replace(difference, expected=expected, found=found, meaning=meaning)

    proofs = [replace(p, findings=tuple(map(shown, p.findings))) for p in checked.proofs]
    return replace(checked, proofs=tuple(proofs))


def lasting(seconds: float) -> str:
    """Return a time as people read it."""
    if seconds < 59.95:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def title_of(database: str) -> str:
    """Return a kind of database as people write it."""
    return _TITLES.get(database, database) or "no database"


def listed(words: Sequence[str]) -> str:
    """Return ``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def counted(number: int, word: str) -> str:
    """Return ``1 proof``, ``2 proofs``."""
    return f"{number} {word}{'' if number == 1 else 's'}"


# --- what holds ---------------------------------------------------------------------------


def by_database(checked: Checked) -> Iterator[tuple[str, tuple[Proof, ...]]]:
    """Yield the proofs without a database, if any, then those on each kind of database."""
    names = dict.fromkeys(
        [*(d.name for d in checked.databases), *(p.database for p in checked.proofs)]
    )
    for name in ["", *filter(None, names)]:
        proofs = checked.of(name)
        if name or proofs:
            yield name, proofs


def verdict(checked: Checked) -> str:
    """Return the outcome in one sentence, without its full stop, for somebody who knows no more."""
    paths = [proof for proof in checked.proofs if proof.kind in WAYS]
    others = [proof for proof in checked.proofs if proof.kind not in WAYS]
    stuck, failed = (sum(not proof.ok for proof in proofs) for proofs in (paths, others))
    failing = _share(failed, len(others), "other proof" if paths else "proof", "fail")
    if not checked.proofs:
        return "Nothing was checked"
    if stuck:
        more = f", and {failing}" if failed else ""
        return f"The upgrade of {stuck} of {counted(len(paths), 'old database')} fails{more}"
    if not paths:
        return failing if failed else "Everything holds"
    return f"Every old database can be upgraded{f', but {failing}' if failed else ''}"


def _share(number: int, total: int, word: str, verb: str) -> str:
    return f"{number} of {counted(total, word)} {verb}{'s' if number == 1 else ''}"


def summary(checked: Checked) -> str:
    """Return the base of the verdict: how many proofs, on what, and how many accepted findings."""
    held, total = sum(proof.ok for proof in checked.proofs), len(checked.proofs)
    everything = held == total > 1
    words = f"all {total} proofs hold" if everything else _share(held, total, "proof", "hold")
    names = [title_of(name) for name, _proofs in by_database(checked) if name]
    words += f", on {listed(names)}" if names else ""
    accepted = len(told(checked.proofs, accepted=True))
    return f"{words}; {counted(accepted, 'finding')} accepted." if accepted else f"{words}."


def proof_table(checked: Checked) -> tuple[list[str], list[list[str]]]:
    """Return a head, and a row for each database: how many proofs of each kind hold, and times."""
    known = {database.name: database for database in checked.databases}
    kinds = [kind for kind in KINDS if any(proof.kind == kind for proof in checked.proofs)]
    rows = []
    for name, proofs in by_database(checked):
        database = known.get(name)
        seconds = database.seconds if database else sum(proof.seconds for proof in proofs)
        climb = database.climb if database else None
        row = [f"{title_of(name)} {database.version}" if database else title_of(name)]
        for kind in kinds:
            results = [proof.ok for proof in proofs if proof.kind == kind]
            row.append(f"{sum(results)}/{len(results)}" if results else "-")
        rows.append([*row, lasting(seconds), "-" if climb is None else lasting(climb)])
    return ["database", *(KINDS[kind][0] for kind in kinds), "time", "one climb"], rows


# --- what was found -----------------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """A finding, and the proofs that found it: for each kind of database their names."""

    finding: Finding
    places: tuple[tuple[str, tuple[str, ...]], ...]

    def where(self) -> list[str]:
        """Return where it was found, a line for each set of starts; databases share a set."""
        sharing: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for database, names in self.places:
            sharing[names].append(database)
        lines = []
        for names, databases in sharing.items():
            titles = ", ".join(title_of(database) for database in databases if database)
            lines.append(f"{titles}: {folded(names)}" if titles else folded(names))
        return lines


def told(proofs: Iterable[Proof], *, accepted: bool) -> list[Told]:
    """Return each finding once, those of one name together; the accepted ones, or the others."""
    found: dict[str, dict[Finding, dict[str, list[str]]]] = {}
    for proof in proofs:
        for finding in proof.findings:
            if finding.accepted == accepted:
                places = found.setdefault(finding.name, {}).setdefault(finding, {})
                places.setdefault(proof.database, []).append(proof.name)
    return [
        Told(finding, tuple((database, tuple(names)) for database, names in places.items()))
        for alike in found.values()
        for finding, places in alike.items()
    ]


def folded(names: Iterable[str]) -> str:
    """Join names that differ only in their numbers: ``from core 0..8; core 10, likes 0..3``."""
    alike: dict[tuple[str, ...], list[tuple[range, ...]]] = {}
    for name in names:
        parts = _NUMBER.split(name)
        numbers = tuple(range(int(part), int(part) + 1) for part in parts[1::2])
        alike.setdefault(tuple(parts[::2]), []).append(numbers)
    words = []
    for texts, rows in alike.items():
        for position in reversed(range(len(texts) - 1)):
            rows = _joined(rows, position)
        for row in rows:
            spans = [str(r[0]) if len(r) == 1 else f"{r[0]}..{r[-1]}" for r in row]
            words.append("".join(a + b for a, b in zip(texts, [*spans, ""], strict=True)))
    return "; ".join([*words[:1], *(word.removeprefix("from ") for word in words[1:])])


def _joined(rows: list[tuple[range, ...]], position: int) -> list[tuple[range, ...]]:
    """Join rows that are neighbours at a position and equal everywhere else."""
    alike: dict[tuple[range, ...], list[range]] = {}
    for row in rows:
        alike.setdefault((*row[:position], *row[position + 1 :]), []).append(row[position])
    joined = []
    for rest, spans in alike.items():
        merged: list[range] = []
        for span in sorted(spans, key=lambda one: one.start):
            if merged and span.start <= merged[-1].stop:
                merged[-1] = range(merged[-1].start, max(span.stop, merged[-1].stop))
            else:
                merged.append(span)
        joined += [(*rest[:position], span, *rest[position:]) for span in merged]
    return joined


def finding_lines(one: Told, program: str = "bridge") -> Iterator[str]:
    """Yield a finding with where it is, what differs and what fixes it."""
    finding = one.finding
    yield from _indented(f"{finding.name}: {finding.message}")
    for place in one.where():
        yield f"  on {place}"
    for line in difference_lines(finding.differences):
        yield from _indented(f"  {line}")
    if finding.help:
        yield from _indented(f"  What to do: {render(finding.remedies, program)}")


def accepting_lines(found: Iterable[Told]) -> Iterator[str]:
    """Yield the lines that the developer adds where these findings are intended."""
    every = [one.finding.name for one in found if one.finding.code in MEANT]
    steps = Counter(name.partition(" by ")[2] for name in every)

    def shorter(name: str) -> str:
        # A closed history loses the same each time.
        code, _, step = name.partition(" ")[0], *name.rpartition(" by ")[1:]
        return f"{code} * by {step}" if step.startswith("legacy ") and steps[step] > 2 else name

    names = dict.fromkeys(map(shorter, every))
    yield ACCEPTING
    if not names:
        return
    yield ""
    yield "[check]"
    yield "accept = ["
    for name in names:
        yield f"    {json.dumps(name, ensure_ascii=False)},"
    yield "]"


def _indented(text: str) -> Iterator[str]:
    first, *rest = text.splitlines()
    yield first
    yield from (f"  {line}" for line in rest)


def check_document(checked: Checked) -> dict[str, Any]:
    """Return `check --json`: times are in seconds, `at` is ISO 8601 with its zone."""
    return {
        "ok": checked.ok,
        "verdict": verdict(checked),
        "at": checked.at.isoformat(),
        "versions": dict(checked.versions),
        "databases": [asdict(database) for database in checked.databases],
        "proofs": [_proof_document(proof) for proof in checked.proofs],
        "graph": asdict(checked.drawing),
    }


def _proof_document(proof: Proof) -> dict[str, Any]:
    findings = [
        {
            "name": finding.name,
            "code": finding.code,
            "message": finding.message,
            "help": render(finding.remedies),
            "differences": difference_document(finding.differences),
            "accepted": finding.accepted,
        }
        for finding in proof.findings
    ]
    return {
        "database": proof.database or None,
        "kind": proof.kind,
        "name": proof.name,
        "ok": proof.ok,
        "seconds": proof.seconds,
        "steps": proof.steps,
        "findings": findings,
    }


# --- printing -----------------------------------------------------------------------------


class CheckText(Progress):
    """How a check goes, as plain lines on standard error."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def notify(self, text: str) -> None:
        """Print a line."""
        self._writer.line(readable(text))

    def proved(self, proof: Proof) -> None:
        """Print what was proved, or not."""
        colour = "green" if proof.ok else "red"
        outcome, rest = readable(proof_words(proof)).split(" ", 1)
        self._writer.line((colour, outcome), f" {rest}")


def proof_words(proof: Proof) -> str:
    """Return the line of a proof that has ended: the outcome, what it was about, and its time."""
    found = ", ".join(f.name for f in proof.findings if not f.accepted)
    accepted = sum(finding.accepted for finding in proof.findings)
    words = f"{'ok' if proof.ok else 'FAILED':<6}  {proof.database or '-':<10}  {proof.kind:<8}"
    words += f"  {proof.name}  {lasting(proof.seconds)}"
    words += "" if proof.steps is None else f", {proof.steps} step{'s' * (proof.steps != 1)}"
    words += f", {accepted} accepted" if accepted else ""
    return f"{words}: {found}" if found else words


def print_checked(output: Output, checked: Checked) -> None:
    """Print what holds on each database, and each finding once."""
    if output.as_json:
        output.json(check_document(checked))
        return
    header, rows = proof_table(checked)
    output.table(header, rows, has_header=True)
    wrong = told(checked.proofs, accepted=False)
    for one in wrong:
        first, *rest = map(readable, finding_lines(one, output.program))
        output.line()
        output.line(("red", first))
        output.lines(rest)
    accepted = told(checked.proofs, accepted=True)
    if accepted:
        output.line("\nAccepted:")
    for one in accepted:
        output.line(readable(f"  {one.finding.name} ({'; '.join(one.where())})"))
    if wrong:
        output.line()
        output.lines(map(readable, accepting_lines(wrong)))
    colour = "green" if checked.ok and checked.proofs else "red"
    output.line()
    output.line((colour, verdict(checked)), f": {summary(checked)}")
