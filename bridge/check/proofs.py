"""The proofs on one kind of database, as they end."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from bridge.check.findings import failed
from bridge.model.checks import Finding, Kind, Proof, is_accepted
from bridge.model.errors import BridgeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bridge.model.progress import Progress
    from bridge.project import Project


class Proofs:
    """Who is notified of the proofs on one kind of database.

    :param name: of that kind, for people.
    """

    def __init__(self, project: Project, name: str, progress: Progress) -> None:
        self._accept, self._name = project.config.check.accept, name
        self._progress = progress

    @contextmanager
    def proof(self, kind: Kind, name: str) -> Iterator[list[Finding]]:
        """Time a proof, and report it at its end with what was added to the list."""
        found: list[Finding] = []
        begun = time.monotonic()
        try:
            yield found
        except BridgeError as error:
            found.append(failed(name, error))
        self.report(kind, name, time.monotonic() - begun, found)

    def report(
        self,
        kind: Kind,
        name: str,
        seconds: float,
        found: Sequence[Finding],
        steps: int | None = None,
    ) -> None:
        """Report a proof that has ended."""
        findings = tuple(
            replace(f, accepted=f.accepted or is_accepted(f, self._accept, self._name))
            for f in dict.fromkeys(found)
        )
        self._progress.proved(Proof(self._name, kind, name, seconds, steps, findings))
