"""What single steps of a plan do."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from bridge.model.difference import Difference
from bridge.model.errors import DriftError
from bridge.model.graph import Graph
from bridge.model.names import CORE
from bridge.model.steps import VerifySchema
from bridge.output.difference_text import difference_document, difference_lines
from bridge.revisions.hooks import Models


def drifted(step: VerifySchema, differences: Sequence[Difference], state: str) -> DriftError:
    """The error of a schema that is not the one that is to be stamped."""
    what = " and ".join(f"version {version} of {name}" for name, version in step.versions)
    lines = "\n".join(difference_lines(differences))
    switches = " ".join(f"--accept-drift {shlex.quote(d.name)}" for d in differences[:5])
    if len(differences) > 5:
        switches = "--accept-drift '*'"
    error = DriftError(
        f"The schema is not that of {what}:\n{lines}",
        help="Mend the schema, then run: bridge dbupdate. Or, if the app can live with what is "
        f"listed: bridge dbupdate {switches}",
        state_of_data=state,
    )
    error.differences = difference_document(differences)
    return error


def tables_to_create(
    models: Iterable[Models], graph: Graph
) -> list[tuple[sa.MetaData, list[sa.Table]]]:
    """The tables that a fresh database gets from the models, by their `MetaData`."""
    stamped = {graph.module(r) or CORE for r in graph.ancestors(graph.targets())} | {CORE}
    owned: dict[int, tuple[sa.MetaData, list[sa.Table]]] = {}
    # Of a module that no stamp is for, the first revision is still to come: it creates them.
    for table in (t for m in models if m.component in stamped for t in m.tables):
        owned.setdefault(id(table.metadata), (table.metadata, []))[1].append(table)
    return list(owned.values())
