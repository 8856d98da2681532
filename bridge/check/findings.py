"""The findings of a check, each with what mends it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bridge.model.checks import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bridge.check.counts import Loss
    from bridge.database.schema import Schema
    from bridge.model.difference import Difference
    from bridge.model.errors import BridgeError
    from bridge.model.remedy import Remedies, Remedy
    from bridge.model.steps import Step


def failed(what: str, error: BridgeError) -> Finding:
    """Return the finding that reports the error of a run to the developer."""
    return Finding(f"failed {what}", error.message, tuple(_for_check(error.remedies)))


def _for_check(remedies: Iterable[Remedy]) -> Iterator[Remedy]:
    """Yield the remedies of an upgrade that help a check, which is run again, without options.

    Its databases are scratch databases: nothing of them is accepted, restored or resumed.
    """
    for remedy in remedies:
        if remedy.command == ("dbupdate",):
            yield replace(remedy, command=("check",))
        elif remedy.command[:1] not in (("dbupdate",), ("restore",), ("resume",)):
            yield remedy


def unproved(what: str, why: str, help: Remedies = "") -> Finding:
    """Return the finding for what could not be tried."""
    return Finding(f"unproved {what}", f"{what} was not tried: {why}.", help)


def differing(
    name: str, message: str, help: Remedies, differences: Sequence[Difference]
) -> Iterator[Finding]:
    """Return a finding of these differences, already accepted where they have no consequence.

    Additions count: there is no administrator here who could have made them.
    """
    if differences:
        own = all(difference.own and difference.kind != "extra" for difference in differences)
        yield Finding(name, f"{message}.", help, tuple(differences), accepted=own)


def dangling(where: str, schema: Schema) -> Iterator[Finding]:
    """Find foreign keys to tables that do not exist: SQLite accepts these."""
    tables = schema["tables"]
    for name, table in tables.items():
        for key in table["foreign_keys"]:
            if key["refers_to"] not in tables and "." not in key["refers_to"]:
                yield Finding(
                    f"dangling {name} {where}",
                    f"At {where}, {name} ({', '.join(key['columns'])}) refers to "
                    f"{key['refers_to']}, which does not exist.",
                )


def lost(loss: Loss, step: Step) -> Finding:
    """Return the finding for rows or values that are gone after a step."""
    return Finding(
        f"{loss.what} by {step}",
        f"After {step}, {loss}.",
        "Keep them, or name it in check.accept where that is meant.",
    )
