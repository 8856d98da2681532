"""The graph of revisions over random branches, alone and against Alembic's own doing."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config as AlembicIni
from hypothesis import HealthCheck, Phase, event, given, reject, settings
from hypothesis import strategies as st
from sqlalchemy.pool import NullPool
from support.alembic_projects import CLASSIC_ENV, write_env, write_revision
from support.legacy_projects import ONCE

from bridge import Bridge
from bridge.model.errors import RevisionsError
from bridge.model.graph import Graph, Revision

CORE = "core"
QUICK = settings(max_examples=200, deadline=None, derandomize="CI" in os.environ)
REAL = settings(
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    max_examples=30,
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@dataclass(frozen=True)
class History:
    """Branches at one moment: which modules are on and which have gone, what had been reached."""

    revisions: tuple[Revision, ...]
    modules: tuple[str, ...]
    off: frozenset[str]
    gone: frozenset[str]
    start: tuple[str, ...]

    def graph(self) -> Graph:
        return Graph(self.revisions, off=self.off, order=self.modules)


@st.composite
def histories(draw: st.DrawFn) -> History:
    """One to eight branches: bases, merges, dependencies, branches that begin at the core."""
    modules = tuple(f"m{n}" for n in range(draw(st.integers(0, 7))))
    revisions: list[Revision] = []
    heads: dict[str, list[str]] = {name: [] for name in (CORE, *modules)}
    for number in range(draw(st.integers(1, 20))):
        owner = draw(st.sampled_from((CORE, *modules)))
        before = [revision.id for revision in revisions]
        # The core needs no module: it could not be without it.
        others = [r.id for r in revisions if r.module not in (None, owner) or r.module is None]
        others = [r for r in others if owner != CORE]
        down: list[str] = []
        if heads[owner] and draw(st.integers(0, 9)):
            most = min(2, len(heads[owner]))
            down = draw(
                st.lists(st.sampled_from(heads[owner]), min_size=1, max_size=most, unique=True)
            )
        elif owner != CORE and before and not draw(st.integers(0, 3)):
            core = [revision.id for revision in revisions if revision.module is None]
            down = [draw(st.sampled_from(core))] if core else []
        depends = draw(st.lists(st.sampled_from(others), max_size=2, unique=True)) if others else []
        depends = [revision for revision in depends if revision not in down]
        # What begins a second line of a module keeps its earlier heads.
        heads[owner] = [head for head in heads[owner] if head not in down] + [f"r{number}"]
        revisions.append(
            Revision(
                f"r{number}",
                tuple(sorted(down)),
                tuple(sorted(depends)),
                None if owner == CORE else owner,
            )
        )
    graph = Graph(revisions)
    off = set(draw(st.sets(st.sampled_from(modules)))) if modules else set()
    # What needs a module that is off is off too.
    for revision in revisions:
        needed = {graph.module(r) for r in graph.ancestors([revision.id])}
        if revision.module is not None and needed & off:
            off.add(revision.module)
    off = _closed(graph, off)
    gone = set(draw(st.sets(st.sampled_from(sorted(off))))) if off else set()
    start = draw(st.lists(st.sampled_from([r.id for r in revisions]), max_size=3, unique=True))
    return History(tuple(revisions), modules, frozenset(off), frozenset(gone), tuple(start))


def _closed(graph: Graph, off: set[str]) -> set[str]:
    while True:
        more = {
            revision.module
            for revision in graph.revisions.values()
            if revision.module is not None
            and {graph.module(r) for r in graph.ancestors([revision.id])} & off
        }
        if more <= off:
            return off
        off |= more


def below(parents: Mapping[str, Iterable[str]], revision: str) -> set[str]:
    """All that a revision needs, and itself: as simply as can be."""
    return {revision}.union(*(below(parents, one) for one in parents[revision]))


@QUICK
@given(histories())
def test_the_plan_ends_at_the_effective_heads_each_after_what_it_needs(history: History) -> None:
    graph = history.graph()
    graph.check()
    parents = {r.id: r.needs for r in history.revisions}
    on = {r.id for r in history.revisions if r.module not in history.off}
    reached = set().union(*(below(parents, one) for one in history.start))
    assert graph.ancestors(history.start) == reached

    targets = set(graph.targets())
    assert targets == {r for r in on if not any(r in below(parents, o) - {o} for o in on)}
    found = [revision.id for revision in graph.pending(history.start, targets)]
    assert set(found) == on - reached
    assert len(found) == len(set(found))
    for place, revision in enumerate(found):
        assert set(parents[revision]) <= reached | set(found[:place])

    undone = [revision.id for revision in graph.downgrades(found)]
    assert sorted(undone) == sorted(found)
    for place, revision in enumerate(undone):
        assert not set(parents[revision]) & set(undone[:place])


@QUICK
@given(histories())
def test_what_only_the_journal_knows_changes_nothing_for_the_rest(history: History) -> None:
    whole = history.graph()
    # What needs scripts that have gone cannot be read either.
    unread = _closed(whole, set(history.gone))
    here = [r for r in history.revisions if r.module not in unread]
    left = Graph(here, off=history.off, order=history.modules)
    there = [
        Revision(r.id, r.down, r.depends, r.module, gone=True)
        for r in history.revisions
        if r.module is not None
    ]
    graph = left.remembering(there)
    assert graph.targets() == whole.targets()
    assert [r.id for r in graph.pending(history.start, graph.targets())] == [
        r.id for r in whole.pending(history.start, whole.targets())
    ]
    assert all(graph.known(revision) for revision in history.start)


# --- with scripts and databases -------------------------------------------------------------


@contextmanager
def folder() -> Iterator[Path]:
    """One for each example: pytest's own is the same for all of them."""
    path = Path(tempfile.mkdtemp(prefix="bridge-graph-"))
    try:
        yield path
    finally:
        shutil.rmtree(path)


def write(history: History, root: Path) -> None:
    write_env(root / "alembic")
    for name in history.modules:
        (root / name).mkdir()
    for revision in history.revisions:
        write_revision(
            root / (revision.module or "alembic/versions"),
            revision.id,
            revision.down or None,
            depends=revision.depends or None,
            upgrade=f"op.execute(\"INSERT INTO ran (name) VALUES ('{revision.id}')\")",
        )


def alembic_of(history: History, root: Path, url: str) -> AlembicIni:
    """Alembic by itself on all of the scripts."""
    folders = ["alembic/versions", *history.modules]
    ini = AlembicIni()
    if not (root / "plain").exists():
        (root / "plain").mkdir()
        (root / "plain/env.py").write_text(CLASSIC_ENV, encoding="utf-8")
    ini.set_main_option("script_location", str(root / "plain"))
    ini.set_main_option("path_separator", "newline")
    ini.set_main_option("version_locations", "\n".join(str(root / name) for name in folders))
    ini.set_main_option("sqlalchemy.url", url)
    return ini


def bridge_of(history: History, root: Path, url: str, *, everything: bool = False) -> Bridge:
    off = set() if everything else history.off
    return Bridge(
        url=url,
        root=root,
        database={"ignore_tables": ["ran"]},
        alembic={"script_location": "alembic"},
        module={name: {"migrations": name, "enabled": name not in off} for name in history.modules},
    )


def rows(url: str, table: str) -> list[str]:
    engine = sa.create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table(table):
            return []
        column = "name" if table == "ran" else "version_num"
        order = "id" if table == "ran" else column
        found = connection.execute(sa.text(f"SELECT {column} FROM {table} ORDER BY {order}"))
        return [row[0] for row in found]


@ONCE
@REAL
@given(histories())
def test_the_rows_are_those_that_alembic_writes_itself(history: History) -> None:
    with folder() as root:
        write(history, root)
        ours, theirs = (f"sqlite:///{root}/{name}.db" for name in ("ours", "theirs"))
        for url in (ours, theirs):
            with sa.create_engine(url, poolclass=NullPool).begin() as connection:
                connection.execute(sa.text("CREATE TABLE ran (id INTEGER PRIMARY KEY, name TEXT)"))
        bridge = bridge_of(history, root, ours, everything=True)
        plain = alembic_of(history, root, theirs)
        for revision in history.start:
            try:
                command.upgrade(plain, revision)
            except KeyError:
                reject()  # Alembic cannot, so nobody has such a database
            bridge.alembic(["upgrade", revision])
        assert rows(ours, "alembic_version") == rows(theirs, "alembic_version")

        graph = history.graph()
        reached = graph.ancestors(history.start)
        expected = list(graph.effective(reached | graph.ancestors(graph.targets())))
        try:
            for head in graph.targets():
                command.upgrade(plain, head)
        except KeyError:
            event("Alembic itself stops")
        else:
            assert rows(theirs, "alembic_version") == expected
        for name in history.gone:
            shutil.rmtree(root / name)
        bridge = bridge_of(history, root, ours)
        before = len(rows(ours, "ran"))
        report = bridge.dbupdate()
        assert rows(ours, "alembic_version") == expected
        assert sorted(report.current) == rows(ours, "alembic_version")
        ran = rows(ours, "ran")[before:]
        assert sorted(ran) == sorted(graph.ancestors(graph.targets()) - reached)
        for place, name in enumerate(ran):
            assert set(graph.revisions[name].needs) <= reached | set(ran[:place])
        assert bridge.dbupdate().outcome == "nothing_to_do"


# --- by hand ----------------------------------------------------------------------------------


def test_a_revision_that_is_gone_is_remembered_unless_its_module_is_on() -> None:
    graph = Graph([Revision("c1")], off=["off"], order=["on", "off"])
    gone = [
        Revision(f"{name}1", ("c1",), ("lost",), name, gone=True) for name in ("on", "off", "away")
    ]
    found = graph.remembering(gone)
    assert not found.known("on1")
    assert found.revisions["off1"].needs == ("c1",)
    assert found.disabled("away1")
    assert (found.targets(), graph.targets()) == (("c1",), ("c1",))


def test_heads_are_those_of_the_component_or_of_what_is_on() -> None:
    graph = Graph(
        [
            Revision("c1"),
            Revision("c2", ("c1",)),
            Revision("l1", depends=("c2",), module="likes"),
            Revision("l2", ("l1",), module="likes"),
            Revision("x1", module="extra"),
        ],
        off=["extra"],
    )
    assert graph.heads() == ("l2",)
    assert (graph.heads_of(None), graph.heads_of("likes")) == (("c2",), ("l2",))
    assert graph.heads_of("nothing") == ()
    assert [r.id for r in graph.downgrades(["l1", "l2"])] == ["l2", "l1"]


def test_a_branch_runs_through_before_another_that_depends_on_it_goes_on() -> None:
    """Expand, then contract: between the two somebody may have to move data."""
    graph = Graph(
        [
            Revision("base"),
            Revision("expand1", ("base",)),
            Revision("expand2", ("expand1",)),
            Revision("contract1", ("base",), depends=("expand1",)),
            Revision("contract2", ("contract1",), depends=("expand2",)),
        ]
    )
    order = [revision.id for revision in graph.pending((), graph.heads())]
    assert order == ["base", "expand1", "expand2", "contract1", "contract2"]


def test_what_is_on_needs_nothing_that_is_off() -> None:
    graph = Graph([Revision("l1", module="likes"), Revision("c1", depends=("l1",))], off=["likes"])
    with pytest.raises(RevisionsError) as caught:
        graph.check()
    assert (caught.value.message, caught.value.help) == (
        "The Alembic revision c1 of the core needs l1 of module likes, which is switched off.",
        "Switch likes on: module.likes.enabled = true.",
    )
