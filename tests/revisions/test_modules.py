"""Modules: where they come from, dormant ones, their revisions, taking them out again."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from support.alembic_projects import create_table, write_env, write_revision
from support.databases import Database

from bridge import Bridge, BridgeError
from bridge.model.errors import (
    AheadError,
    ConfigError,
    HookError,
    ModuleNeededError,
    RevisionsError,
    StateError,
)
from bridge.model.repository import VersionRow
from bridge.revisions.hooks import load_models

TEMPLATE = '''\
"""${message}"""

import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade():
    ${upgrades if upgrades else "pass"}


def downgrade():
    ${downgrades if downgrades else "pass"}
'''


class App:
    """An app of a core and modules, each with the folder of its name and a table or two.

    core1 - core2 (at core2 the core ends)
    likes1 (depends on core1) - likes2
    tags1 (depends on likes1)
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.modules: dict[str, dict[str, Any]] = {}
        self.alembic: dict[str, Any] = {}
        scripts = write_env(root / "alembic")
        (scripts / "script.py.mako").write_text(TEMPLATE, encoding="utf-8")
        self.revision(None, "core1", table="users")
        self.revision(None, "core2", "core1", table="media")
        self.module("likes")
        self.revision("likes", "likes1", table="likes", depends="core1", label="likes")
        self.revision("likes", "likes2", "likes1", table="likers")
        self.module("tags")
        self.revision("tags", "tags1", table="tags", depends="likes1", label="tags")

    def folder(self, module: str | None) -> Path:
        return self.root / ("alembic/versions" if module is None else f"modules/{module}")

    def module(self, name: str, **values: Any) -> None:
        self.modules.setdefault(name, {"migrations": str(self.folder(name))}).update(values)

    def revision(
        self, module: str | None, name: str, down: str | None = None, *, table: str, **more: Any
    ) -> None:
        undo = f"op.drop_table({table!r})"
        upgrade = create_table(table, "text")
        write_revision(self.folder(module), name, down, upgrade=upgrade, downgrade=undo, **more)

    def bridge(self, where: Database | None = None, **tables: Any) -> Bridge:
        alembic = {"script_location": "alembic", **self.alembic}
        url = where.url if where else None
        return Bridge(url=url, root=self.root, alembic=alembic, module=self.modules, **tables)


@pytest.fixture
def app(tmp_path: Path) -> App:
    return App(tmp_path / "app")


@pytest.fixture
def imports(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test imports is forgotten after it: the next one has other modules of that name."""
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("gallery"):
            del sys.modules[name]


def tables(database: Database) -> set[str]:
    own = {"alembic_version", "bridge_journal"}
    return set(sa.inspect(database.engine()).get_table_names()) - own


def refused(bridge: Bridge, kind: type[BridgeError] = ConfigError) -> str:
    with pytest.raises(kind) as caught:
        bridge.status()
    assert type(caught.value) is kind
    return caught.value.message


# --- dormant branches -----------------------------------------------------------------------


@pytest.mark.parametrize("gone", [False, True])
def test_a_module_that_is_off_or_gone_stays_where_it_is(
    app: App, database: Database, gone: bool
) -> None:
    app.bridge(database).dbupdate()
    folder, hidden = app.folder("tags"), app.root / "tags_put_away"
    app.module("tags", enabled=False)
    if gone:
        folder.rename(hidden)
        settings = app.modules.pop("tags")
    app.revision(None, "core3", "core2", table="notes")
    bridge = app.bridge(database)
    state = bridge.status()
    assert (state.kind, state.dormant) == ("dormant", {"tags": ("tags1",)})
    assert {m.name: m.switch for m in state.modules}["tags"] == ("not installed" if gone else "off")
    report = bridge.dbupdate()
    assert (report.current, report.dormant) == (
        ("core3", "likes2", "tags1"),
        {"tags": ("tags1",)},
    )
    assert bridge.dbupdate().outcome == "nothing_to_do"
    assert tables(database) == {"users", "media", "notes", "likes", "likers", "tags"}
    if gone:
        hidden.rename(folder)
        app.modules["tags"] = settings
    app.module("tags", enabled=True)
    app.revision("tags", "tags2", "tags1", table="taggers")
    report = app.bridge(database).dbupdate()
    assert [str(step) for step, _ in report.steps] == ["upgrade tags2"]


def test_a_row_that_stood_for_the_core_too_does_not_lose_it(app: App, database: Database) -> None:
    """Alembic keeps no row for core2 once likes3 depends on it; and then likes is uninstalled."""
    app.modules.pop("tags")
    app.revision("likes", "likes3", "likes2", table="likings", depends="core2")
    app.bridge(database).dbupdate()
    assert database.rows()["alembic_version"] == [("likes3",)]
    shutil.rmtree(app.folder("likes"))
    app.modules.pop("likes")
    assert app.bridge(database).dbupdate().outcome == "nothing_to_do"
    app.revision(None, "core3", "core2", table="notes")
    report = app.bridge(database).dbupdate()
    assert [str(step) for step, _ in report.steps] == ["upgrade core3"]
    assert report.current == ("core3", "likes3")


def test_what_was_there_before_the_journal_is_remembered_by_the_next_run(
    app: App, sqlite_database: Database
) -> None:
    app.bridge(sqlite_database).dbupdate()
    sqlite_database.execute("DROP TABLE bridge_journal")
    app.revision(None, "core3", "core2", table="notes")
    app.revision("likes", "a_likes3", "likes2", table="likings")
    app.bridge(sqlite_database).dbupdate()
    for name in ("likes", "tags"):
        shutil.rmtree(app.folder(name))
        app.modules.pop(name)
    bridge = app.bridge(sqlite_database)
    assert bridge.status().dormant == {"likes": ("a_likes3",), "tags": ("tags1",)}
    app.revision(None, "core4", "core3", table="more")
    assert app.bridge(sqlite_database).dbupdate().current == ("a_likes3", "core4", "tags1")


def test_without_a_journal_an_unknown_revision_is_refused(
    app: App, sqlite_database: Database
) -> None:
    app.bridge(sqlite_database).dbupdate()
    sqlite_database.execute("DROP TABLE bridge_journal")
    shutil.rmtree(app.folder("tags"))
    app.modules.pop("tags")
    state = app.bridge(sqlite_database).status()
    assert (state.kind, type(state.problem)) == ("ahead", AheadError)


def test_a_newer_revision_of_a_module_that_is_on_is_refused(
    app: App, sqlite_database: Database
) -> None:
    """The journal knows it; yet a newer release of the module wrote it."""
    app.bridge(sqlite_database).dbupdate()
    (app.folder("tags") / "tags1.py").unlink()
    app.revision("tags", "tags0", table="other", label="tags")
    state = app.bridge(sqlite_database).status()
    assert (state.kind, type(state.problem)) == ("ahead", AheadError)


def test_alembic_run_by_hand_is_remembered_too(app: App, sqlite_database: Database) -> None:
    app.bridge(sqlite_database).alembic(["upgrade", "heads"])
    shutil.rmtree(app.folder("tags"))
    app.modules.pop("tags")
    assert app.bridge(sqlite_database).status().dormant == {"tags": ("tags1",)}


def test_a_module_that_never_was_here_is_not_dormant(app: App, sqlite_database: Database) -> None:
    app.module("tags", enabled=False)
    bridge = app.bridge(sqlite_database)
    assert bridge.dbupdate().current == ("core2", "likes2")
    state = bridge.status()
    assert (state.kind, state.dormant) == ("alembic", {})
    assert [(m.name, m.switch, m.current, m.heads) for m in state.modules] == [
        ("likes", "on", ("likes2",), ("likes2",)),
        ("tags", "off", (), ("tags1",)),
    ]


# --- taking a module out --------------------------------------------------------------------


def test_a_module_is_removed_in_the_order_of_its_dependencies(app: App, database: Database) -> None:
    app.bridge(database).dbupdate()
    app.module("tags", enabled=False)
    app.bridge(database).remove_module("tags")
    app.module("likes", enabled=False)
    bridge = app.bridge(database)
    report = bridge.remove_module("likes")
    assert [str(step) for step, _ in report.steps] == ["downgrade likes2", "downgrade likes1"]
    assert (report.current, tables(database)) == (("core2",), {"users", "media"})
    assert bridge.remove_module("likes").outcome == "nothing_to_do"
    assert bridge.dbupdate().outcome == "nothing_to_do"


def test_a_core_that_had_no_row_of_its_own_gets_one(app: App, database: Database) -> None:
    app.modules.pop("tags")
    app.revision("likes", "likes3", "likes2", table="likings", depends="core2")
    bridge = app.bridge(database)
    bridge.dbupdate()
    assert bridge.remove_module("likes").current == ("core2",)


def test_a_module_that_began_at_a_core_revision_leaves_the_core_alone(
    app: App, database: Database
) -> None:
    app.module("plugin")
    app.revision("plugin", "plugin1", "core1", table="plugins", label="plugin")
    bridge = app.bridge(database)
    bridge.dbupdate()
    assert bridge.remove_module("plugin").current == ("core2", "likes2", "tags1")
    assert "users" in tables(database)


def test_a_module_that_another_needs_is_not_removed(app: App, sqlite_database: Database) -> None:
    bridge = app.bridge(sqlite_database)
    bridge.dbupdate()
    with pytest.raises(ModuleNeededError) as caught:
        bridge.remove_module("likes")
    assert (caught.value.message, caught.value.help) == (
        "The module likes cannot be removed: revisions of tags in this database depend on it.",
        "Remove tags first: bridge modules remove tags",
    )
    assert "likes" in tables(sqlite_database)


def test_a_module_is_not_removed_without_its_files(app: App, sqlite_database: Database) -> None:
    app.bridge(sqlite_database).dbupdate()
    shutil.rmtree(app.folder("tags"))
    app.module("tags", enabled=False)
    with pytest.raises(ConfigError, match="The module tags cannot be removed without its files"):
        app.bridge(sqlite_database).remove_module("tags")
    with pytest.raises(ConfigError, match="There is no module tag; there are: likes, tags"):
        app.bridge(sqlite_database).remove_module("tag")


def test_a_module_that_came_from_legacy_leaves_no_version_row_behind(
    app: App, sqlite_database: Database
) -> None:
    """The row alone would be handed over once more, without tables."""
    sqlite_database.execute(
        "CREATE TABLE numbers (name VARCHAR(20) PRIMARY KEY, version INTEGER)",
        "INSERT INTO numbers VALUES ('likes', 3)",
        "INSERT INTO numbers VALUES ('unknown', 7)",
        "CREATE TABLE likes (id INTEGER PRIMARY KEY)",
    )
    app.modules.pop("tags")
    app.module("likes", legacy="likes")
    history = {"registry": "no.matter:M", "version_table": "numbers", "stamp": {3: ["likes1"]}}
    bridge = app.bridge(sqlite_database, legacy={"likes": history})
    with pytest.raises(StateError) as caught:
        bridge.remove_module("likes")
    assert caught.value.message == (
        "The module likes is still at version 3 of its legacy history, which cannot be undone."
    )
    bridge.dbupdate()
    report = bridge.remove_module("likes")
    assert [str(step) for step, _ in report.steps] == [
        "remove legacy likes",
        "downgrade likes2",
        "downgrade likes1",
    ]
    assert sqlite_database.rows()["numbers"] == [("unknown", 7)]
    assert bridge.status().unclaimed_rows == (VersionRow("unknown", 7),)


# --- what modules say of each other ---------------------------------------------------------


def test_an_unknown_dependency_is_named(app: App) -> None:
    app.module("likes", depends_on=["cor"])
    with pytest.raises(ConfigError) as caught:
        app.bridge()
    assert caught.value.message == (
        'module.likes.depends_on in the arguments names "cor", which is not one of: core, tags.'
    )


def test_a_circle_of_modules_is_named(app: App) -> None:
    app.module("likes", depends_on=["tags"])
    app.module("tags", depends_on=["core", "likes"])
    with pytest.raises(ConfigError, match="in a circle: likes -> tags -> likes"):
        app.bridge()


def test_what_is_on_cannot_depend_on_what_is_off(app: App, sqlite_database: Database) -> None:
    app.module("likes", enabled=False)
    assert refused(app.bridge(sqlite_database), RevisionsError) == (
        "The Alembic revision tags1 of module tags needs likes1 of module likes, which is switched "
        "off."
    )
    app.module("tags", depends_on=["likes"])
    with pytest.raises(ConfigError) as caught:
        app.bridge()
    assert (caught.value.message, caught.value.help) == (
        "The module tags is switched on and depends on likes, which is switched off.",
        "Switch likes on: module.likes.enabled = true; or switch tags off.",
    )


def test_a_target_of_a_module_that_is_off_is_named(app: App, sqlite_database: Database) -> None:
    app.alembic["targets"] = ["core2", "tags@head"]
    app.module("tags", enabled=False)
    assert refused(app.bridge(sqlite_database), RevisionsError) == (
        "alembic.targets in the arguments names tags@head, of the module tags, which is switched "
        "off."
    )


def test_modules_are_listed_without_a_database(app: App) -> None:
    assert [(m.name, m.switch, m.heads) for m in app.bridge().modules()] == [
        ("likes", "on", ("likes2",)),
        ("tags", "on", ("tags1",)),
    ]


def test_one_branch_label_for_two_is_named(app: App, sqlite_database: Database) -> None:
    app.module("tags", label="likes")
    with pytest.raises(
        ConfigError, match="tags and the module likes have the same branch label, likes"
    ):
        app.bridge()
    app.module("tags", label="tags")
    write_revision(app.folder("tags"), "tags1", label="likes")
    assert refused(app.bridge(sqlite_database), RevisionsError).endswith(
        f"\nThe branch label likes is used by {app.folder('likes')}/likes1.py (module likes) and "
        f"by {app.folder('tags')}/tags1.py (module tags)."
    )


def test_one_folder_for_two_is_named(app: App) -> None:
    app.module("tags", migrations=str(app.folder("likes")))
    with pytest.raises(ConfigError, match="tags and the module likes have the same folder"):
        app.bridge()


def test_one_revision_id_for_two_modules_is_named(app: App, sqlite_database: Database) -> None:
    write_revision(app.folder("tags"), "likes1")
    assert refused(app.bridge(sqlite_database), RevisionsError).endswith(
        f"\nThe revision id likes1 is used by {app.folder('likes')}/likes1.py (module likes) and "
        f"by {app.folder('tags')}/likes1.py (module tags)."
    )


def test_a_revision_that_nobody_has_is_named(app: App, sqlite_database: Database) -> None:
    write_revision(app.folder("tags"), "tags2", "tags1", depends="core9")
    assert refused(app.bridge(sqlite_database), RevisionsError).endswith(
        f"\n{app.folder('tags')}/tags2.py (module tags) needs the revision core9, which no script "
        "has."
    )


def test_a_name_that_alembic_keeps_for_itself_is_told(app: App, sqlite_database: Database) -> None:
    """Alembic itself stops at an assertion without a word."""
    write_revision(app.folder("tags"), "head", "tags1")
    assert refused(app.bridge(sqlite_database), RevisionsError).endswith(
        f"\n{app.folder('tags')}/head.py (module tags) has the id head, which is a reserved "
        "word of Alembic's."
    )


def test_a_circle_of_revisions_is_named(app: App, sqlite_database: Database) -> None:
    write_revision(app.folder("likes"), "likes1", depends=("core1", "tags1"))
    assert refused(app.bridge(sqlite_database), RevisionsError) == (
        "Alembic revisions need each other in a circle: likes1 of module likes -> tags1 of module "
        "tags -> likes1 of module likes."
    )


def test_a_broken_module_is_named_and_takes_nobody_down_while_it_is_off(
    app: App, sqlite_database: Database
) -> None:
    app.bridge(sqlite_database).dbupdate()
    (app.folder("tags") / "tags1.py").write_text("import nosuchthing\n", encoding="utf-8")
    assert "No module named 'nosuchthing'" in refused(app.bridge(sqlite_database), RevisionsError)
    app.module("tags", enabled=False)
    app.revision(None, "core3", "core2", table="notes")
    bridge = app.bridge(sqlite_database)
    assert bridge.dbupdate().current == ("core3", "likes2", "tags1")
    (module,) = [m for m in bridge.status().modules if m.name == "tags"]
    assert (module.switch, module.current) == ("broken", ("tags1",))
    assert "No module named 'nosuchthing'" in (module.problem or "")


# --- modules of installed packages ----------------------------------------------------------


def install(folder: Path, module: str, *, name: str = "gifts") -> None:
    """A package `gallery_gifts` with the entry point `name`, as pip would install it."""
    write_revision(
        folder / "gallery_gifts/migrations", "gifts1", depends="core1", label="gifts",
        upgrade=create_table("gifts"), downgrade="op.drop_table('gifts')",
    )  # fmt: skip
    (folder / "gallery_gifts/__init__.py").write_text(
        f"from bridge import Module\n\nMODULE = {module}\n", encoding="utf-8"
    )
    info = folder / "gallery_gifts-1.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: gallery-gifts\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[bridge.modules]\n{name} = gallery_gifts:MODULE\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, imports: None) -> Path:
    """A folder on sys.path."""
    (tmp_path / "site").mkdir()
    monkeypatch.syspath_prepend(tmp_path / "site")
    return tmp_path / "site"


def test_an_installed_module_is_off_until_the_app_names_it(
    app: App, site: Path, sqlite_database: Database
) -> None:
    install(site, "Module('gallery_gifts:migrations', depends_on=['core'])")
    bridge = app.bridge(sqlite_database)
    assert bridge.dbupdate().current == ("core2", "likes2", "tags1")
    (gifts,) = [m for m in bridge.status().modules if m.name == "gifts"]
    assert (gifts.switch, gifts.heads) == ("off", ("gifts1",))
    app.modules["gifts"] = {}
    bridge = app.bridge(sqlite_database)
    assert bridge.dbupdate().current == ("core2", "gifts1", "likes2", "tags1")
    assert bridge.config.modules["gifts"].depends_on == ("core",)


def test_an_installed_module_may_be_on_by_itself_and_be_switched_off(
    app: App, site: Path, sqlite_database: Database
) -> None:
    install(site, "lambda: Module('gallery_gifts:migrations', enabled=True)")
    assert "gifts1" in app.bridge(sqlite_database).dbupdate().current
    app.modules["gifts"] = {"enabled": False}
    assert app.bridge(sqlite_database).status().dormant == {"gifts": ("gifts1",)}


def test_an_uninstalled_module_is_dormant(app: App, site: Path, sqlite_database: Database) -> None:
    install(site, "Module('gallery_gifts:migrations', enabled=True)")
    app.bridge(sqlite_database).dbupdate()
    shutil.rmtree(site)
    assert app.bridge(sqlite_database).status().dormant == {"gifts": ("gifts1",)}


@pytest.mark.parametrize(
    ("module", "problem"),
    [
        (
            "1 / 0",
            "the entry point gifts of bridge.modules fails: ZeroDivisionError: division by zero",
        ),
        ("'gifts'", "the entry point gifts of bridge.modules is not a bridge.Module but 'gifts'"),
        (
            "Module('gallery_nothing:migrations')",
            "gallery_nothing:migrations does not exist: the package gallery_nothing is not "
            "installed.",
        ),
        (
            "Module('gallery_gifts:migrations', legacy={'registry': 'a.b:C'})",
            "legacy.gifts.stamp is missing in the entry point gifts of bridge.modules.",
        ),
    ],
)
def test_a_broken_package_is_told_and_stops_nobody_unless_it_is_on(
    app: App, site: Path, sqlite_database: Database, module: str, problem: str
) -> None:
    install(site, module)
    state = app.bridge(sqlite_database).status()
    assert [m.problem for m in state.modules if m.name == "gifts"] == [problem]
    app.modules["gifts"] = {"enabled": True}
    assert refused(app.bridge(sqlite_database)) == (
        f"The module gifts is switched on and cannot be used: {problem}"
    )


def test_a_module_without_folder_and_package_is_not_installed(
    app: App, sqlite_database: Database
) -> None:
    app.modules["gifts"] = {}
    assert refused(app.bridge(sqlite_database)) == (
        "The module gifts is switched on and cannot be used: module.gifts in the arguments names "
        "no migrations, and no installed package has the entry point gifts of bridge.modules."
    )
    app.modules["gifts"] = {"enabled": False}
    modules = app.bridge(sqlite_database).status().modules
    assert [m.switch for m in modules] == ["on", "on", "not installed"]


def test_an_installed_module_brings_its_legacy_history(
    app: App, site: Path, sqlite_database: Database
) -> None:
    install(
        site,
        "Module('gallery_gifts:migrations', enabled=True, legacy={'registry': 'gallery_gifts:M', "
        "'version_table': 'versions', 'stamp': {2: ['gifts1']}})",
    )
    sqlite_database.execute(
        "CREATE TABLE versions (name VARCHAR(20) PRIMARY KEY, version INTEGER)",
        "INSERT INTO versions VALUES ('gifts', 2)",
        "CREATE TABLE gifts (id INTEGER PRIMARY KEY)",
    )
    bridge = app.bridge(sqlite_database)
    assert bridge.status().legacy["gifts"].version == 2
    steps = [str(step) for step in bridge.plan().steps]
    assert steps[0] == "stamp gifts1"
    assert "upgrade gifts1" not in steps


# --- new revisions --------------------------------------------------------------------------


def models(app: App, name: str, *names: str) -> str:
    """A Python module of the app with a MetaData of these tables."""
    lines = [
        f"sa.Table({table!r}, metadata, sa.Column('id', sa.Integer, primary_key=True), "
        "sa.Column('text', sa.String(20)))"
        for table in names
    ]
    text = "\n".join(["import sqlalchemy as sa", "metadata = sa.MetaData()", *lines])
    (app.root / f"{name}.py").write_text(f"{text}\n", encoding="utf-8")
    return f"{name}:metadata"


def test_a_revision_goes_into_its_module_onto_its_branch(
    app: App, sqlite_database: Database
) -> None:
    app.module("likes", depends_on=["core"])
    path, _ = app.bridge(sqlite_database).revision("likes", "count them", rev_id="likes3")
    text = path.read_text(encoding="utf-8")
    assert path.parent == app.folder("likes")
    assert "down_revision = 'likes2'" in text
    assert "depends_on = 'core2'" in text
    assert "branch_labels = None" in text
    assert app.bridge(sqlite_database).dbupdate().current == ("likes3", "tags1")


def test_the_first_revision_of_a_module_makes_its_folder_and_has_its_label(
    app: App, sqlite_database: Database
) -> None:
    app.module("gifts", label="app.gifts", depends_on=["core", "likes"])
    path, _ = app.bridge(sqlite_database).revision("gifts", "initial", rev_id="gifts1")
    text = path.read_text(encoding="utf-8")
    assert path.parent == app.folder("gifts")
    assert "down_revision = None" in text
    assert "branch_labels = ('app.gifts',)" in text
    assert "depends_on = ['core2', 'likes2']" in text
    assert app.bridge(sqlite_database).dbupdate().current == ("gifts1", "tags1")
    # The label names the branch from now on.
    path, _ = app.bridge(sqlite_database).revision("app.gifts", "more", rev_id="gifts2")
    assert "down_revision = 'gifts1'" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("branch", ["core", "app"])
def test_a_revision_of_the_core_goes_into_its_own_folder(
    app: App, sqlite_database: Database, branch: str
) -> None:
    app.alembic["label"] = "app"
    # A plugin that begins at the core's head: plain Alembic would want --splice.
    app.module("plugin")
    app.revision("plugin", "plugin1", "core2", table="plugins", label="plugin")
    path, _ = app.bridge(sqlite_database).revision(branch, "more", rev_id="core3")
    assert path.parent == app.folder(None)
    assert "down_revision = 'core2'" in path.read_text(encoding="utf-8")


def test_the_first_revision_of_all_has_the_cores_label(tmp_path: Path) -> None:
    scripts = write_env(tmp_path / "alembic")
    (scripts / "script.py.mako").write_text(TEMPLATE, encoding="utf-8")
    bridge = Bridge(root=tmp_path, alembic={"script_location": "alembic", "label": "app"})
    path, _ = bridge.revision("app", "initial")
    assert "branch_labels = ('app',)" in path.read_text(encoding="utf-8")


def test_a_missing_template_is_told(app: App, sqlite_database: Database) -> None:
    (app.root / "alembic/script.py.mako").unlink()
    with pytest.raises(RevisionsError, match=r"script\.py\.mako does not exist"):
        app.bridge(sqlite_database).revision("likes", "more")


def test_an_unknown_branch_and_one_with_two_heads_are_told(
    app: App, sqlite_database: Database
) -> None:
    with pytest.raises(ConfigError, match="no branch like; there are: core, likes, tags"):
        app.bridge(sqlite_database).revision("like", "more")
    app.revision("likes", "likes2b", "likes1", table="other")
    with pytest.raises(RevisionsError) as caught:
        app.bridge(sqlite_database).revision("likes", "more")
    assert (caught.value.message, caught.value.help) == (
        "The branch likes has 2 heads: likes2, likes2b.",
        "Merge them: bridge alembic merge likes2 likes2b -m MESSAGE",
    )


def test_autogenerate_touches_its_own_branch_only(
    app: App, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Off, gone, of another branch, an administrator's: none of these tables is proposed to go."""
    app.module("gone")
    app.revision("gone", "gone1", table="gone_things", label="gone")
    app.bridge(database).dbupdate()
    shutil.rmtree(app.folder("gone"))
    app.modules.pop("gone")
    app.module("tags", enabled=False)
    database.execute("CREATE TABLE of_the_administrator (id INTEGER PRIMARY KEY)")
    app.alembic["models"] = models(app, f"core_of_{database.dialect}", "users", "files")
    app.module("likes", models=models(app, f"likes_of_{database.dialect}", "likes", "hearts"))
    path, kept = app.bridge(database).revision("likes", "hearts", autogenerate=True)
    text = path.read_text(encoding="utf-8")
    upgrade, _, downgrade = text.partition("def downgrade")
    assert "op.create_table('hearts'" in upgrade
    # No model has it any more, and this branch made it.
    assert "op.drop_table('likers')" in upgrade
    assert "op.create_table('likers'" in downgrade
    for other in ("users", "media", "files", "tags", "gone_things", "of_the_administrator"):
        assert other not in text
    assert set(kept) >= {"tags", "gone_things", "of_the_administrator"}
    path, _ = app.bridge(database).revision("core", "files", autogenerate=True)
    text = path.read_text(encoding="utf-8")
    assert "op.create_table('files'" in text
    assert "op.drop_table('media')" in text
    assert "hearts" not in text
    assert "tags" not in text


def test_autogenerate_asks_for_effective_heads_only(app: App, sqlite_database: Database) -> None:
    """Alembic would want a row for core2, which it does not keep itself."""
    app.revision("likes", "likes3", "likes2", table="likings", depends="core2")
    app.alembic["models"] = models(app, "core_at_heads", "users", "media", "files")
    bridge = app.bridge(sqlite_database)
    bridge.dbupdate()
    bridge.alembic(["revision", "--autogenerate", "-m", "files", "--head", "core2", "--splice"])
    (path,) = [p for p in app.folder(None).glob("*.py") if not p.name.startswith("core")]
    assert "op.create_table('files'" in path.read_text(encoding="utf-8")
    assert "drop_table" not in path.read_text(encoding="utf-8").partition("def downgrade")[0]


def test_autogenerate_wants_models_and_a_database_at_the_head(
    app: App, sqlite_database: Database
) -> None:
    app.alembic["models"] = models(app, "core_for_errors", "users", "media")
    with pytest.raises(RevisionsError) as caught:
        app.bridge(sqlite_database).revision("core", "more", autogenerate=True)
    assert (caught.value.message, caught.value.help) == (
        "The database is not at the head of core, so it cannot be compared with the models.",
        "Upgrade it first: bridge dbupdate",
    )
    app.bridge(sqlite_database).dbupdate()
    with pytest.raises(RevisionsError) as caught:
        app.bridge(sqlite_database).revision("likes", "more", autogenerate=True)
    assert caught.value.message == ("The branch likes has no models to compare the database with.")


def test_one_table_in_two_models_is_named(app: App, sqlite_database: Database) -> None:
    app.alembic["models"] = models(app, "core_twice", "users", "media")
    app.module("likes", models=models(app, "likes_twice", "likes", "users"))
    with pytest.raises(HookError) as caught:
        app.bridge(sqlite_database).alembic(["check"], with_plugins=True)
    assert caught.value.message == (
        "The table users is in the models of core and of likes: each table must belong to one."
    )
    with pytest.raises(HookError):
        app.bridge(sqlite_database).dbupdate()
    assert tables(sqlite_database) == set()


def test_stamping_the_heads_is_of_what_is_on(app: App, sqlite_database: Database) -> None:
    app.module("tags", enabled=False)
    app.revision("likes", "likes3", "likes2", table="likings", depends="core2")
    app.bridge(sqlite_database).alembic(["stamp", "heads"])
    assert sqlite_database.rows()["alembic_version"] == [("likes3",)]
    assert app.bridge(sqlite_database).dbupdate().outcome == "nothing_to_do"


def test_alembic_says_who_understands_the_row_of_a_module_that_is_gone(
    app: App, sqlite_database: Database
) -> None:
    app.bridge(sqlite_database).dbupdate()
    shutil.rmtree(app.folder("tags"))
    app.modules.pop("tags")
    with pytest.raises(RevisionsError) as caught:
        app.bridge(sqlite_database).alembic(["upgrade", "heads"])
    assert caught.value.help == (
        "See: bridge alembic --help\n"
        "To upgrade past rows of a module without files: bridge dbupdate\n"
        "See where the database stands: bridge status"
    )


def test_another_programs_journal_is_told(app: App, sqlite_database: Database) -> None:
    sqlite_database.execute("CREATE TABLE bridge_journal (id INTEGER PRIMARY KEY, text TEXT)")
    state = app.bridge(sqlite_database).status()
    assert state.kind == "inconsistent"
    assert str(state.problem).startswith(
        "The table bridge_journal is not bridge's own: it has the columns id, text."
    )


def test_current_check_heads_goes_by_effective_heads(
    app: App, sqlite_database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    app.module("tags", enabled=False)
    app.revision("likes", "likes3", "likes2", table="likings", depends="core2")
    bridge = app.bridge(sqlite_database)
    bridge.alembic(["upgrade", "likes2"])
    with pytest.raises(RevisionsError, match="not on all head revisions"):
        bridge.alembic(["current", "--check-heads"])
    bridge.alembic(["upgrade", "heads"])
    bridge.alembic(["current", "--check-heads"])
    assert "likes3" in capsys.readouterr().out


# --- models and foundations -----------------------------------------------------------------

MODELS = """\
import sqlalchemy as sa
from sqlalchemy.orm import declarative_base

Base = declarative_base()


class User(Base):
    __tablename__ = "users"
    id = sa.Column(sa.Integer, primary_key=True)
    name = sa.Column("text", sa.String(20))


class Like(Base):
    __tablename__ = "likes"
    id = sa.Column(sa.Integer, primary_key=True)
    text = sa.Column(sa.String(20), default="a default")


class Tag(Base):
    __tablename__ = "tags"
    id = sa.Column(sa.Integer, primary_key=True)


LIKES = [Like]
metadata = Base.metadata
USERS = {User: [{"name": "root"}, {"name": "guest"}]}
HEARTS = {Like: [{}], User.__table__: [{"text": "from likes"}]}
ZERO = 0


def lay(connection):
    connection.execute(sa.text("INSERT INTO tags (id) VALUES (%d)" % (7 / ZERO)))
"""


@pytest.fixture
def modelled(app: App, monkeypatch: pytest.MonkeyPatch, imports: None) -> App:
    """The app with models on one shared base; the likes name their own of them."""
    app.revision("likes", "likes2", "likes1", table="likers")
    (app.root / "gallery_models.py").write_text(MODELS, encoding="utf-8")
    monkeypatch.syspath_prepend(app.root)
    app.alembic["models"] = "gallery_models:metadata"
    app.module("likes", models="gallery_models:LIKES", foundations="gallery_models:HEARTS")
    return app


def test_foundations_are_laid_once_for_the_core_and_for_each_module(
    modelled: App, database: Database
) -> None:
    modelled.module("likes", enabled=False)
    modelled.module("tags", enabled=False)
    core = {"database": {"foundations": "gallery_models:USERS"}}
    report = modelled.bridge(database, **core).dbupdate()
    assert str(report.steps[-1][0]) == "foundations gallery_models:USERS"
    users = [(1, "root"), (2, "guest")]
    assert database.rows()["users"] == users
    modelled.module("likes", enabled=True)
    report = modelled.bridge(database, **core).dbupdate()
    assert str(report.steps[-1][0]) == "foundations gallery_models:HEARTS"
    assert database.rows()["users"] == [*users, (3, "from likes")]
    assert database.rows()["likes"] == [(1, "a default")]
    assert modelled.bridge(database, **core).dbupdate().outcome == "nothing_to_do"


def test_foundations_that_a_run_left_unlaid_are_laid_by_the_next(
    modelled: App, database: Database
) -> None:
    modelled.module("tags", foundations="gallery_models:lay")
    core = {"database": {"foundations": "gallery_models:USERS"}}
    # It stops in the middle of a fresh install: the next run finds tables, not a fresh database.
    broken = write_revision(modelled.folder("tags"), "tags1", depends="likes1", upgrade="1 / 0")
    with pytest.raises(BridgeError):
        modelled.bridge(database, **core).dbupdate()
    broken.unlink()
    modelled.revision("tags", "tags1", table="tags", depends="likes1", label="tags")
    with pytest.raises(HookError) as caught:
        modelled.bridge(database, **core).dbupdate(backup=False)
    assert (caught.value.message, caught.value.help) == (
        "The hook gallery_models:lay failed: ZeroDivisionError: division by zero",
        "Fix the hook, then run: bridge dbupdate",
    )
    sys.modules["gallery_models"].ZERO = 1  # type: ignore[attr-defined]
    report = modelled.bridge(database, **core).dbupdate()
    assert [str(step) for step, _ in report.steps] == ["foundations gallery_models:lay"]
    assert database.rows()["tags"] == [(7, None)]
    assert database.rows()["users"] == [(1, "root"), (2, "guest"), (3, "from likes")]


def test_a_fresh_database_from_models_has_the_tables_of_what_is_on(
    modelled: App, database: Database
) -> None:
    modelled.module("likes", enabled=False)
    modelled.module("tags", enabled=False)
    modelled.alembic["models"] = ["gallery_models:User"]
    bridge = modelled.bridge(database, database={"fresh": "models"})
    bridge.dbupdate()
    assert tables(database) == {"users"}
    modelled.module("likes", enabled=True)
    modelled.bridge(database, database={"fresh": "models"}).dbupdate()
    assert "likes" in tables(database)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gallery_models:Like", {"likes"}),
        ("gallery_models:LIKES", {"likes"}),
        ("gallery_models:Like.__table__", {"likes"}),
        ("gallery_likes", {"hearts"}),
        ("gallery_models", None),
    ],
)
def test_models_may_be_named_in_many_ways(
    modelled: App, name: str, expected: set[str] | None
) -> None:
    (modelled.root / "gallery_likes.py").write_text(
        "import sqlalchemy as sa\nfrom gallery_models import Base, User\n\n"
        "class Heart(Base):\n    __tablename__ = 'hearts'\n"
        "    id = sa.Column(sa.Integer, primary_key=True)\n",
        encoding="utf-8",
    )
    modelled.module("likes", models=name)
    config = modelled.bridge().config
    if expected is None:
        with pytest.raises(HookError, match="are the same tables"):
            load_models(config)
        return
    found = {models.component: models.names for models in load_models(config)}
    assert found["likes"] == expected
    assert {"users", "tags"} <= found["core"]
    assert not found["core"] & expected


def test_a_model_in_the_table_of_another_belongs_to_that_one_s_component(modelled: App) -> None:
    """Single-table inheritance: of several modules, too."""
    for name in ("likes", "comments"):
        (modelled.root / f"gallery_{name}.py").write_text(
            "import sqlalchemy as sa\nfrom gallery_models import Base, User\n\n"
            f"class {name.title()}User(User):\n    pass\n\n"
            f"class {name.title()}(Base):\n    __tablename__ = 'own_{name}'\n"
            "    id = sa.Column(sa.Integer, primary_key=True)\n",
            encoding="utf-8",
        )
        modelled.module(name, models=f"gallery_{name}")
    found = {models.component: models.names for models in load_models(modelled.bridge().config)}
    assert (found["likes"], found["comments"]) == ({"own_likes"}, {"own_comments"})
    assert "users" in found["core"]
