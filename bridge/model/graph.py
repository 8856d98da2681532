"""The graph of Alembic revisions over every branch, as plain data.

Pure. The scripts describe the revisions; for modules without files, the journal does. An edge leads
from a revision to each that it descends from or depends on, which must be applied before it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bridge.model.errors import RevisionsError

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence


class Graph:
    """The revisions by their ids, and the modules that are off or have no files.

    :param revisions: every known revision.
    :param off: the names of the modules whose revisions are left alone.
    :param order: the names of the modules, in the order in which their branches are upgraded.
    :param targets: the revisions to reach; None for the heads of all that is on.
    """

    def __init__(
        self,
        revisions: Iterable[Revision],
        *,
        off: Iterable[str] = (),
        order: Sequence[str] = (),
        targets: Iterable[str] | None = None,
    ) -> None:
        self.revisions: Mapping[str, Revision] = {r.id: r for r in revisions}
        self.off = frozenset(off)
        self._place = {name: place for place, name in enumerate(order)}
        self._targets = None if targets is None else frozenset(targets)

    def remembering(self, revisions_without_files: Iterable[Revision]) -> Graph:
        """Return the graph with revisions that only the journal knows, of modules that are off.

        An unknown revision of a module that is on is left out: a newer release wrote it.
        """
        on = set(self._place) - self.off
        gone = [
            r for r in revisions_without_files if r.id not in self.revisions and r.module not in on
        ]
        if not gone:
            return self
        # The journal may not know what such a module depended on.
        ids = {revision.id for revision in gone} | set(self.revisions)
        return Graph(
            [*self.revisions.values(), *(revision.only(ids) for revision in gone)],
            off=self.off,
            order=tuple(self._place),
            targets=self.targets(),
        )

    # --- one revision ---------------------------------------------------------------------

    def known(self, revision: str) -> bool:
        """Return whether there is such a revision."""
        return revision in self.revisions

    def module(self, revision: str) -> str | None:
        """Return the module that the revision belongs to, None for the core's own."""
        return self.revisions[revision].module

    def disabled(self, revision: str) -> bool:
        """Return whether the revision belongs to a module that is off or has no files."""
        found = self.revisions[revision]
        return found.gone or found.module in self.off

    # --- sets of revisions ----------------------------------------------------------------

    def ancestors(self, revisions: Iterable[str]) -> frozenset[str]:
        """Return the revisions themselves and all that they descend from or depend on."""
        found: set[str] = set()
        waiting = list(revisions)
        while waiting:
            revision = waiting.pop()
            if revision not in found:
                found.add(revision)
                waiting.extend(self.revisions[revision].needs)
        return frozenset(found)

    def effective(self, revisions: Iterable[str]) -> tuple[str, ...]:
        """Return the revisions that no other of them descends from or depends on, sorted."""
        chosen = set(revisions)
        below = self.ancestors(n for revision in chosen for n in self.revisions[revision].needs)
        return tuple(sorted(chosen - below))

    def heads(self) -> tuple[str, ...]:
        """Return the effective heads of all that is on, sorted."""
        return self.effective(r for r in self.revisions if not self.disabled(r))

    def targets(self) -> tuple[str, ...]:
        """Return the revisions to reach, sorted: the configured ones, else the heads."""
        return self.heads() if self._targets is None else self.effective(self._targets)

    def of_module(self, module: str | None) -> tuple[str, ...]:
        """Return the revisions of a module, of the core for None."""
        return tuple(r.id for r in self.revisions.values() if r.module == module)

    def heads_of(self, module: str | None) -> tuple[str, ...]:
        """Return the revisions of a module, of the core for None, that none of its own needs."""
        return self.effective(self.of_module(module))

    def bases_of(self, module: str | None) -> tuple[str, ...]:
        """Return the revisions of a module, of the core for None, that need no other of its own."""
        own = set(self.of_module(module))
        return self.effective(r for r in own if not own & set(self.revisions[r].needs))

    def pending(self, current: Iterable[str], targets: Iterable[str]) -> tuple[Revision, ...]:
        """Return what an upgrade from `current` to `targets` runs, each after all that it needs.

        As far as dependencies allow, a branch is run as a whole: the core's, then the modules'.
        """
        reached = self.ancestors(current)
        found: dict[str, Revision] = {}
        for target in sorted(targets, key=self._branch_order):
            for revision in self._upwards(target, reached, found):
                found[revision.id] = revision
        return tuple(found.values())

    def downgrades(self, revisions: Iterable[str]) -> tuple[Revision, ...]:
        """Return these revisions in the order of a downgrade, each before those it needs."""
        chosen = set(revisions)
        found: dict[str, Revision] = {}
        for revision in sorted(self.effective(chosen)):
            for one in self._upwards(revision, frozenset(), found):
                found[one.id] = one
        return tuple(one for one in reversed(found.values()) if one.id in chosen)

    def _branch_order(self, revision: str) -> tuple[int, str]:
        module = self.module(revision)
        return (-1 if module is None else self._place.get(module, len(self._place)), revision)

    def _upwards(
        self, target: str, reached: frozenset[str], found: Mapping[str, Revision]
    ) -> Iterable[Revision]:
        """Yield what `target` needs and is neither reached nor found yet, then `target`."""
        entered: set[str] = set()
        stack = [(target, False)]
        while stack:
            revision, needs_are_done = stack.pop()
            if needs_are_done:
                yield self.revisions[revision]
            elif revision not in reached and revision not in found and revision not in entered:
                entered.add(revision)
                stack.append((revision, True))
                here = self.revisions[revision]
                # Other branches first, so that they are complete before this one continues: data
                # may have to be moved from one to the other.
                stack.extend((needed, False) for needed in reversed((*here.depends, *here.down)))

    # --- order ----------------------------------------------------------------------------

    def check(self) -> None:
        """Check that all that is on can be reached.

        :raises RevisionsError: revisions need each other in a circle, or a revision that is on
            needs one of a module that is off.
        """
        self._check_circles()
        for revision in self.revisions.values():
            if self.disabled(revision.id):
                continue
            for needed in revision.needs:
                if self.disabled(needed):
                    other = self.module(needed)
                    switch_off = f"; or switch {revision.module} off." if revision.module else "."
                    raise RevisionsError(
                        f"The Alembic revision {revision.id} of {_owner(revision)} needs {needed} "
                        f"of module {other}, which is switched off.",
                        help=f"Switch {other} on: module.{other}.enabled = true{switch_off}",
                    )

    def _check_circles(self) -> None:
        """Refuse revisions that need each other in a circle.

        Alembic itself does not detect a circle over several branches. A circle is what remains
        after every revision that needs nothing has been removed repeatedly.
        """
        waiting = {r.id: set(r.needs) for r in self.revisions.values()}
        needed_by: dict[str, list[str]] = {}
        for revision, needs in waiting.items():
            for needed in needs:
                needed_by.setdefault(needed, []).append(revision)
        free = [revision for revision, needs in waiting.items() if not needs]
        while free:
            revision = free.pop()
            del waiting[revision]
            for other in needed_by.get(revision, ()):
                waiting[other].discard(revision)
                if not waiting[other]:
                    free.append(other)
        if not waiting:
            return
        circle = [next(iter(sorted(waiting)))]
        while circle[-1] not in circle[:-1]:
            circle.append(min(waiting[circle[-1]]))
        circle = circle[circle.index(circle[-1]) :]
        raise RevisionsError(
            "Alembic revisions need each other in a circle: "
            + " -> ".join(f"{one} of {_owner(self.revisions[one])}" for one in circle)
            + ".",
            help="Remove one of them from a depends_on or down_revision.",
        )


def _owner(revision: Revision) -> str:
    return "the core" if revision.module is None else f"module {revision.module}"


@dataclass(frozen=True)
class Revision:
    """An Alembic revision: its id, what it descends from and depends on, and its owner.

    :param module: None for the core.
    :param gone: whether it has no file any more, so that only the journal knows it.
    :param commits: the part of its script that commits before its end; empty where none shows.
    """

    id: str
    down: tuple[str, ...] = ()
    depends: tuple[str, ...] = ()
    module: str | None = None
    labels: tuple[str, ...] = ()
    doc: str = ""
    gone: bool = False
    commits: str = ""

    @property
    def needs(self) -> tuple[str, ...]:
        """The revisions that must be applied before it."""
        return (*self.down, *self.depends)

    @property
    def branch(self) -> str | None:
        """The module's name, else a branch label."""
        return self.module or next(iter(self.labels), None)

    def only(self, known: Container[str]) -> Revision:
        """Return the revision without the needs that are not among the `known` revisions."""
        return replace(
            self,
            down=tuple(revision for revision in self.down if revision in known),
            depends=tuple(revision for revision in self.depends if revision in known),
        )
