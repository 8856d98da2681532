"""The graph of Alembic revisions over every branch, as plain data.

Pure: made from what the scripts (and, for modules whose files are gone, the journal) say. An edge
leads to what a revision descends from or depends on; both must be there before it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bridge.model.errors import RevisionsError

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence


class Graph:
    """Revisions by their id, and the modules that are off or have gone.

    :param revisions: every revision that is known.
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
        """This graph with revisions that only the journal knows, of modules that are not on.

        An unknown revision of a module that is on is another matter: a newer release wrote it.
        """
        on = set(self._place) - self.off
        gone = [
            r for r in revisions_without_files if r.id not in self.revisions and r.module not in on
        ]
        if not gone:
            return self
        # What a module depended on may have gone without a trace.
        ids = {revision.id for revision in gone} | set(self.revisions)
        return Graph(
            [*self.revisions.values(), *(revision.only(ids) for revision in gone)],
            off=self.off,
            order=tuple(self._place),
            targets=self.targets(),
        )

    # --- one revision ---------------------------------------------------------------------

    def known(self, revision: str) -> bool:
        """Whether there is such a revision."""
        return revision in self.revisions

    def module(self, revision: str) -> str | None:
        """The module that the revision belongs to, None for the core's own."""
        return self.revisions[revision].module

    def disabled(self, revision: str) -> bool:
        """Whether the revision belongs to a module that is off, or whose files are gone."""
        found = self.revisions[revision]
        return found.gone or found.module in self.off

    # --- sets of revisions ----------------------------------------------------------------

    def ancestors(self, revisions: Iterable[str]) -> frozenset[str]:
        """The revisions themselves and all that they descend from or depend on."""
        found: set[str] = set()
        waiting = list(revisions)
        while waiting:
            revision = waiting.pop()
            if revision not in found:
                found.add(revision)
                waiting.extend(self.revisions[revision].needs)
        return frozenset(found)

    def effective(self, revisions: Iterable[str]) -> tuple[str, ...]:
        """Those that no other of them descends from or depends on, sorted."""
        chosen = set(revisions)
        below = self.ancestors(n for revision in chosen for n in self.revisions[revision].needs)
        return tuple(sorted(chosen - below))

    def heads(self) -> tuple[str, ...]:
        """The effective heads of all that is on, sorted."""
        return self.effective(r for r in self.revisions if not self.disabled(r))

    def targets(self) -> tuple[str, ...]:
        """The revisions to reach: those that were named, else the heads; sorted."""
        return self.heads() if self._targets is None else self.effective(self._targets)

    def of_module(self, module: str | None) -> tuple[str, ...]:
        """The revisions of a module, of the core for None."""
        return tuple(r.id for r in self.revisions.values() if r.module == module)

    def heads_of(self, module: str | None) -> tuple[str, ...]:
        """The revisions of a module, of the core for None, that no other of its own needs."""
        return self.effective(self.of_module(module))

    def bases_of(self, module: str | None) -> tuple[str, ...]:
        """The revisions of a module, of the core for None, that need no other of its own."""
        own = set(self.of_module(module))
        return self.effective(r for r in own if not own & set(self.revisions[r].needs))

    def pending(self, current: Iterable[str], targets: Iterable[str]) -> tuple[Revision, ...]:
        """What an upgrade from `current` to `targets` runs, each after all that it needs.

        Branch by branch where dependencies let it: the core's first, then those of the modules.
        """
        reached = self.ancestors(current)
        found: dict[str, Revision] = {}
        for target in sorted(targets, key=self._branch_order):
            for revision in self._upwards(target, reached, found):
                found[revision.id] = revision
        return tuple(found.values())

    def downgrades(self, revisions: Iterable[str]) -> tuple[Revision, ...]:
        """These revisions in the order in which they can be undone, each before what it needs."""
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
        """What `target` needs and is not reached or found yet, and itself last."""
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
                # Other branches first, so that each is run through before its own goes on: data
                # may have to be moved between the two.
                stack.extend((needed, False) for needed in reversed((*here.depends, *here.down)))

    # --- order ----------------------------------------------------------------------------

    def check(self) -> None:
        """Whether all that is on can be reached.

        :raises RevisionsError: revisions need each other in a circle, or what is on needs a
            revision of a module that is off.
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
        """What is left when every revision is taken away that needs nothing is in a circle.

        Alembic itself does not see a circle that leads over several branches.
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
            help="Take one of them out of a depends_on or down_revision.",
        )


def _owner(revision: Revision) -> str:
    return "the core" if revision.module is None else f"module {revision.module}"


@dataclass(frozen=True)
class Revision:
    """An Alembic revision: its id, what it descends from and depends on, whose it is.

    `module` is None for the core's own. `gone` marks one whose file is no longer there: only the
    journal knows it.
    """

    id: str
    down: tuple[str, ...] = ()
    depends: tuple[str, ...] = ()
    module: str | None = None
    labels: tuple[str, ...] = ()
    doc: str = ""
    gone: bool = False

    @property
    def needs(self) -> tuple[str, ...]:
        """What must be there before it."""
        return (*self.down, *self.depends)

    @property
    def branch(self) -> str | None:
        """The module's name, else a branch label."""
        return self.module or next(iter(self.labels), None)

    def only(self, known: Container[str]) -> Revision:
        """The same, without what it needs beyond the `known` revisions."""
        return replace(
            self,
            down=tuple(revision for revision in self.down if revision in known),
            depends=tuple(revision for revision in self.depends if revision in known),
        )
