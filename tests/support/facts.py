"""Deciding without a database: facts, repositories and a little graph of revisions by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bridge.model.config import AlembicConfig, Config, DatabaseConfig, LegacyConfig, ModuleConfig
from bridge.model.graph import Graph, Revision
from bridge.model.repository import Repository, VersionRow, VersionStore
from bridge.model.state import Facts, State
from bridge.upgrade.classify import classify

ROOT = Path("/app")

# shop_base - shop_notes - shop_stock      the core
#     |            |
# reviews_base - reviews_text              a module that was legacy once
#     |
# coupons_base                             a module that never was (it depends on shop_base)
PARENTS: Mapping[str, tuple[str, ...]] = {
    "shop_base": (),
    "shop_notes": ("shop_base",),
    "shop_stock": ("shop_notes",),
    "reviews_base": ("shop_base",),
    "reviews_text": ("reviews_base", "shop_notes"),
    "coupons_base": ("shop_base",),
}


def module_of(revision: str) -> str | None:
    """The module that a revision's name begins with, None for the core."""
    name = revision.partition("_")[0]
    return name if name in ("reviews", "coupons") else None


def graph_of(parents: Mapping[str, Sequence[str]] = PARENTS, *, off: Iterable[str] = ()) -> Graph:
    """A graph of a dictionary: revision to what it descends from or depends on."""
    revisions = [
        Revision(name, tuple(needs), module=module_of(name), labels=("shop",), doc=f"About {name}.")
        for name, needs in parents.items()
    ]
    return Graph(revisions, off=off, order=("reviews", "coupons"))


def repository(name: str = "shop", last: int = 3, **more: Any) -> Repository:
    """A legacy repository whose last version equals `NAME_base`."""
    first = more.pop("first", 1)
    values: dict[str, Any] = {
        "name": name,
        "repository_id": name.capitalize(),
        "store": VersionStore(more.pop("version_table", "migrate_version")),
        "path": ROOT / name,
        "versions": tuple(range(first, last + 1)),
        "stamp": {last: (f"{name}_base",)},
        "module": None if name == "shop" else name,
    }
    return Repository(**values | more)


SHOP = repository()
REVIEWS = repository("reviews", 2)


def config(
    *repositories: Repository,
    off: Iterable[str] = (),
    absent: Iterable[str] = (),
    version_table: str = "alembic_version",
    **database: Any,
) -> Config:
    """A configuration of these repositories and of both modules."""
    return Config(
        root=ROOT,
        source="/app/bridge.toml",
        database=DatabaseConfig(**database),
        alembic=AlembicConfig(version_table=version_table),
        legacy={r.name: LegacyConfig(r.name, r.stamp, r.path) for r in repositories},
        modules={
            name: ModuleConfig(
                name,
                ROOT / "modules" / name,
                legacy=name if any(r.module == name for r in repositories) else None,
                enabled=name not in off,
                present=name not in absent,
            )
            for name in ("reviews", "coupons")
        },
    )


def facts(
    *tables: str,
    rows: Iterable[tuple[str, int | None]] | None = None,
    revisions: Iterable[str] | None = None,
    version_table: str = "migrate_version",
    **more: Any,
) -> Facts:
    """What was found: the app's `tables`, the version rows, the Alembic rows (None: no table)."""
    found = set(tables)
    if rows is not None:
        found.add(version_table)
        more["version_rows"] = {version_table: tuple(VersionRow(*row) for row in rows)}
    if revisions is not None:
        found.add("alembic_version")
        more["revisions"] = tuple(revisions)
    return Facts("sqlite:///x.db", "sqlite", tables=frozenset(found), **more)


def state_of(
    found: Facts,
    *repositories: Repository,
    graph: Graph | None = None,
    settings: Config | None = None,
) -> State:
    """The state that the facts make, with the shop and its reviews where nothing is named."""
    repositories = repositories or (SHOP, REVIEWS)
    settings = settings or config(*repositories)
    off = [module.name for module in settings.modules.values() if not module.enabled]
    return classify(found, {r.name: r for r in repositories}, graph or graph_of(off=off), settings)
