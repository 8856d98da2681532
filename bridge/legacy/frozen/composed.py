"""The frozen histories of one kind of database together: several may change the same table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.model.frozen import apply_changes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bridge.model.frozen import FrozenDialect, Schema
    from bridge.model.steps import RunLegacy


class ComposedHistories:
    """Knows what the schema is where several repositories are at some versions.

    :param histories: by the names of the repositories.
    :param order: every version of every repository, in the order of an upgrade.
    """

    def __init__(self, histories: Mapping[str, FrozenDialect], order: Iterable[RunLegacy]) -> None:
        self.histories, self._order = histories, tuple(order)

    def schema(self, repository: str, versions: Mapping[str, int | None]) -> Schema:
        """Return the schema of what a repository has a part in.

        Each table is as the last version, in the order of an upgrade, that changed it has left it.

        :param versions: where the repositories are; None for one that is not in the database.
        """
        own = self.histories[repository]
        sharing = {name for name, other in self.histories.items() if other.tables & own.tables}
        if sharing <= {repository}:
            return own.schema_at(versions[repository] or 0)
        return apply_changes(
            change
            if step.repository == repository
            else {"tables": {n: t for n, t in change.get("tables", {}).items() if n in own.tables}}
            for step in self._order
            if step.repository in sharing and step.version <= (versions.get(step.repository) or 0)
            if (change := self.histories[step.repository].changes.get(step.version)) is not None
        )
