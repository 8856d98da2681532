"""bridge.toml: what it may say, and the whole message for every mistake in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.projects import Project, copy_project

from bridge import Bridge
from bridge.model.config import Config
from bridge.model.config_file import FILE_NAME, find, load, parse
from bridge.model.errors import (
    UNCHANGED,
    BridgeError,
    ConfigError,
    ConfigMissingError,
    HookError,
    RepositoryInvalidError,
    RevisionsError,
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return copy_project("shop", tmp_path / "shop")


def told(error: BridgeError) -> tuple[str, str]:
    """What an error says happened and what fixes it; a mistake in a file costs no data."""
    assert error.state_of_data == UNCHANGED
    return error.message, error.help


# --- finding ------------------------------------------------------------------------------


def test_the_nearest_file_at_or_above_the_folder_is_found(project: Project) -> None:
    below = project.root / "alembic/versions"
    assert find(below) == project.file
    nearer = project.write("alembic/bridge.toml", "")
    assert find(below) == nearer


def test_pyproject_counts_only_with_the_table(project: Project) -> None:
    project.write("alembic/pyproject.toml", "[tool.other]\n")
    assert find(project.root / "alembic") == project.file
    nearer = project.write("alembic/pyproject.toml", "[tool.bridge]\n")
    assert find(project.root / "alembic") == nearer


def test_bridge_toml_wins_over_pyproject_beside_it(project: Project) -> None:
    project.write("pyproject.toml", "[tool.bridge]\n")
    assert find(project.root) == project.file


def test_no_file_anywhere(tmp_path: Path) -> None:
    with pytest.raises(ConfigMissingError) as caught:
        find(tmp_path)
    assert told(caught.value) == (
        "There is no bridge.toml, and no pyproject.toml with [tool.bridge], "
        f"in {tmp_path} or above it.",
        "Go to the app's folder, or name the file: --config PATH/bridge.toml",
    )


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigMissingError) as caught:
        load(tmp_path / "b.toml")
    assert told(caught.value) == (
        f"The configuration file {tmp_path}/b.toml does not exist.",
        "Name an existing file: --config PATH/bridge.toml",
    )


def test_a_pyproject_without_the_table(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text("[tool.other]\n")
    with pytest.raises(ConfigMissingError) as caught:
        load(path)
    assert told(caught.value) == (
        f"{path} has no table [tool.bridge].",
        "Add one, or name a bridge.toml: --config PATH/bridge.toml",
    )


def test_pyproject_says_the_same_as_bridge_toml(project: Project) -> None:
    text = project.file.read_text().replace("[", "[tool.bridge.").replace("[tool.bridge.]", "[]")
    text = text.replace('= [tool.bridge."', '= ["')
    path = project.write("pyproject.toml", text)
    theirs, ours = load(path), load(project.file)
    assert (theirs.alembic, theirs.legacy, theirs.modules) == (
        ours.alembic,
        ours.legacy,
        ours.modules,
    )


def test_broken_toml(project: Project) -> None:
    project.write(FILE_NAME, "[alembic\n")
    with pytest.raises(ConfigError) as caught:
        load(project.file)
    assert told(caught.value) == (
        f"{project.file} is not valid TOML: "
        "Expected ']' at the end of a table declaration (at line 1, column 9)",
        f"Fix the error in {project.file}.",
    )


def test_a_file_that_is_not_utf_8(project: Project) -> None:
    project.file.write_bytes(b'x = "\xe9"\n')
    with pytest.raises(ConfigError) as caught:
        load(project.file)
    assert told(caught.value) == (
        f"{project.file} is not valid TOML: "
        "'utf-8' codec can't decode byte 0xe9 in position 5: invalid continuation byte",
        f"Fix the error in {project.file}.",
    )


def test_a_file_that_may_not_be_read(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")  # root may read every file

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(ConfigError) as caught:
        load(project.file)
    assert told(caught.value) == (
        f"{project.file} cannot be read: Permission denied",
        "Make the file readable.",
    )


# --- what it may say ----------------------------------------------------------------------


def test_every_key_is_read(tmp_path: Path) -> None:
    for folder in ("scripts", "more", "old/lib", "mod", "app"):
        (tmp_path / folder).mkdir(parents=True)
    document = """
    legacy_python = "old/python"

    [database]
    url = "sqlite:///x.db"
    ignore_tables = ["kombu_*"]
    fresh = "models"
    foundations = "app:lay"

    [alembic]
    script_location = "scripts"
    version_locations = ["more"]
    label = "gallery"
    version_table = "versions"
    targets = ["core@head", "abc"]
    models = "app:metadata"
    pythonpath = ["app"]

    [legacy.core]
    repository = "old"
    aliases = ["older"]
    pythonpath = ["old/lib"]
    requirements = ["six"]
    setup = "app:prepare"
    hand_over = "nearest"
    requires = { 4 = { mod = 2 } }
    squashed = false
    bring_up_with = "release 7"
    stamp = { 12 = ["b"], 3 = "a" }

    [legacy.mod]
    repository = "old"
    stamp = { 2 = ["m"] }

    [legacy.tags]
    registry = "app.migrations:MIGRATIONS"
    version_table = "core__migrations"
    row = "__main__"
    name_column = "who"
    version_column = "number"
    versions = [7, 2]
    stamp = { 7 = [] }

    [module.mod]
    migrations = "mod"
    label = "mod_plugin"
    legacy = "mod"
    enabled = false
    models = "mod:metadata"
    foundations = "mod:ROWS"
    depends_on = ["core", "tags"]

    [module.tags]
    migrations = "app.tags:migrations"
    """
    path = tmp_path / FILE_NAME
    path.write_text(document)
    config = load(path)
    core, tags, module = config.legacy["core"], config.legacy["tags"], config.modules["mod"]
    assert (config.root, config.source, config.legacy_python) == (
        tmp_path,
        str(path),
        tmp_path / "old/python",
    )
    database = config.database
    assert (database.url, database.ignore_tables) == ("sqlite:///x.db", ("kombu_*",))
    assert (database.fresh, database.foundations) == ("models", "app:lay")
    assert config.alembic.script_location == tmp_path / "scripts"
    assert config.alembic.version_locations == (tmp_path / "more",)
    assert (config.alembic.label, config.alembic.version_table) == ("gallery", "versions")
    assert config.alembic.targets == ("core@head", "abc")
    assert config.alembic.models == ("app:metadata",)
    assert config.alembic.pythonpath == (tmp_path / "app",)
    assert core.repository == tmp_path / "old"
    assert core.aliases == ("older",)
    assert core.pythonpath == (tmp_path / "old/lib",)
    assert core.requirements == ("six",)
    assert (core.setup, core.hand_over) == ("app:prepare", "nearest")
    assert core.requires == {4: {"mod": 2}}
    assert (core.squashed, core.bring_up_with) == (False, "release 7")
    assert list(core.stamp.items()) == [(3, ("a",)), (12, ("b",))]
    assert (tags.repository, tags.registry) == (None, "app.migrations:MIGRATIONS")
    assert (tags.version_table, tags.row) == ("core__migrations", "__main__")
    assert (tags.name_column, tags.version_column) == ("who", "number")
    assert (tags.versions, tags.stamp) == ((2, 7), {7: ()})
    assert (module.migrations, module.resource) == (tmp_path / "mod", None)
    assert (module.label, module.legacy, module.models) == ("mod_plugin", "mod", "mod:metadata")
    assert (module.foundations, module.depends_on) == ("mod:ROWS", ("core", "tags"))
    resource = config.modules["tags"]
    assert (resource.migrations, resource.resource) == (None, "app.tags:migrations")
    assert (module.enabled, module.present) == (False, True)
    assert (config.enabled("core"), config.enabled("mod")) == (True, False)
    assert (config.module_of("core"), config.module_of("mod")) == (None, "mod")


def test_what_is_left_out_has_a_default(tmp_path: Path) -> None:
    config = parse({"alembic": {"script_location": "."}}, root=tmp_path, source="here")
    assert config == Config(
        root=tmp_path,
        source="here",
        database=config.database,
        alembic=config.alembic,
        legacy={},
        modules={},
    )
    database, alembic = config.database, config.alembic
    assert (database.url, database.ignore_tables) == (None, ())
    assert (database.fresh, database.foundations) == ("upgrade", None)
    assert (alembic.version_table, alembic.targets) == ("alembic_version", ("heads",))
    # env.py and hooks of an app that is not installed are found beside the file.
    assert alembic.pythonpath == (tmp_path,)


def test_a_module_that_is_off_may_lack_its_folder(project: Project) -> None:
    project.configure("module.gone", 'migrations = "gone"', "enabled = false")
    assert not project.bridge("sqlite://").config.modules["gone"].present


def test_the_arguments_have_the_shape_of_the_file(project: Project) -> None:
    bridge = Bridge(
        root=project.root,
        alembic={"script_location": Path("alembic"), "targets": ("shop@head",)},
        legacy={"shop": {"repository": project.root / "legacy/shop", "stamp": {3: "shop_base"}}},
    )
    assert bridge.config.source == "the arguments"
    assert bridge.config.legacy["shop"].stamp == {3: ("shop_base",)}
    with pytest.raises(ConfigError) as caught:
        Bridge(alembic={"script_location": "nowhere"})
    assert told(caught.value) == (
        f"alembic.script_location in the arguments names {Path.cwd()}/nowhere, which does not "
        "exist.",
        "Change alembic.script_location in the arguments.",
    )


# --- mistakes that the file alone shows ---------------------------------------------------

# What is written into the shop's bridge.toml: the table, the line, the key that the message
# names, and what it says of it. FILE and ROOT stand for the file and its folder.
MISTAKES = {
    "unknown key": (
        "legacy.shop",
        'alias = "x"',
        "legacy.shop.alias",
        "is not a key that bridge knows; did you mean aliases? (allowed: aliases, bring_up_with, "
        "hand_over, pythonpath, registry, repository, requirements, requires, setup, squashed, "
        "stamp)",
    ),
    "unknown key like no other": (
        "module.reviews",
        "x = 1",
        "module.reviews.x",
        "is not a key that bridge knows (allowed: depends_on, enabled, foundations, label, "
        "legacy, migrations, models)",
    ),
    "unknown key of the database": (
        "database",
        'uri = "postgresql://u:secret@h/d"',
        "database.uri",
        "is not a key that bridge knows; did you mean url? "
        "(allowed: foundations, fresh, ignore_tables, url)",
    ),
    "unknown key of alembic": (
        "alembic",
        "target = []",
        "alembic.target",
        "is not a key that bridge knows; did you mean targets? (allowed: config, label, models, "
        "pythonpath, script_location, targets, version_locations, version_table, "
        "version_table_schema)",
    ),
    "a registry beside a repository": (
        "legacy.shop",
        'registry = "app.migrations:MIGRATIONS"',
        "legacy.shop",
        "must have one of repository and registry, and not both",
    ),
    "a key of a registry in a repository's table": (
        "legacy.shop",
        'row = "__main__"',
        "legacy.shop.row",
        "is not a key that bridge knows (allowed: aliases, bring_up_with, "
        "hand_over, pythonpath, registry, repository, requirements, requires, setup, squashed, "
        "stamp)",
    ),
    "a registry that is no name": (
        "legacy.goblin",
        'registry = "migrations.py"\nversion_table = "core__migrations"\nstamp = { 1 = [] }',
        "legacy.goblin.registry",
        "must be \"package.module:NAME\", not 'migrations.py'",
    ),
    "a version below 1": (
        "legacy.goblin",
        'registry = "a.b:C"\nversion_table = "t"\nversions = [0]\nstamp = { 1 = [] }',
        "legacy.goblin.versions",
        "must be a list of numbers above 0, not [0]",
    ),
    "a module of the core's name": (
        "module.core",
        'migrations = "alembic/coupons"',
        "module.core",
        "cannot have this name: it stands for the app itself",
    ),
    "unknown table": (
        "modules.x",
        "",
        "modules",
        "is not a key that bridge knows; did you mean module? "
        "(allowed: alembic, backup, check, database, legacy, legacy_python, module)",
    ),
    "a URL that is no string": (
        "database",
        'url = ["postgresql://u:secret@h/d"]',
        "database.url",
        "must be a non-empty string",
    ),
    "an empty string": (
        "alembic",
        'version_table = ""',
        "alembic.version_table",
        "must be a non-empty string, not ''",
    ),
    "a number for a string": (
        "module.coupons",
        "models = 3",
        "module.coupons.models",
        "must be a non-empty string, not 3",
    ),
    "a string for a flag": (
        "module.coupons",
        'enabled = "no"',
        "module.coupons.enabled",
        "must be true or false, not 'no'",
    ),
    "a number among strings": (
        "database",
        'ignore_tables = ["a", 1]',
        "database.ignore_tables",
        "must be a list of strings, not ['a', 1]",
    ),
    "an empty path": (
        "legacy.shop",
        'pythonpath = [""]',
        "legacy.shop.pythonpath",
        "must be a list of strings, not ['']",
    ),
    "not one of two": (
        "database",
        'fresh = "create"',
        "database.fresh",
        'must be "upgrade" or "models", not \'create\'',
    ),
    "not one of two, again": (
        "legacy.shop",
        'hand_over = "first"',
        "legacy.shop.hand_over",
        'must be "last" or "nearest", not \'first\'',
    ),
    "no table by version": (
        "legacy.shop",
        "requires = 3",
        "legacy.shop.requires",
        "must be a table from versions to values, not 3",
    ),
    "a key that is no version": (
        "legacy.shop",
        "requires = { three = { reviews = 1 } }",
        "legacy.shop.requires.three",
        "must have a whole number as its key",
    ),
    "a value that is no version": (
        "legacy.shop",
        "requires = { 3 = { reviews = true } }",
        "legacy.shop.requires.3",
        "must be a table from repositories to versions, not {'reviews': True}",
    ),
    "a table that is none": (
        "legacy",
        "extra = 3",
        "legacy.extra",
        "must be a table",
    ),
    "no targets": (
        "alembic",
        "targets = []",
        "alembic.targets",
        'must not be empty; "heads" means the heads of all branches',
    ),
    "both kinds of scripts": (
        "alembic",
        'config = "bridge.toml"',
        "alembic",
        "must have one of script_location and config, and not both",
    ),
    "a version location that is not there": (
        "alembic",
        'version_locations = ["gone"]',
        "alembic.version_locations",
        "names ROOT/gone, which does not exist",
    ),
    "a pythonpath that is not there": (
        "legacy.shop",
        'pythonpath = ["gone"]',
        "legacy.shop.pythonpath",
        "names ROOT/gone, which does not exist",
    ),
    "models without any": (
        "database",
        'fresh = "models"',
        "database.fresh",
        'is "models", so alembic.models must name the models',
    ),
    "a legacy repository of a module that is none": (
        "module.coupons",
        'legacy = "coupons"',
        "module.coupons.legacy",
        'names the legacy repository "coupons", which is not one of: shop, reviews',
    ),
    "a legacy repository of two modules": (
        "module.coupons",
        'legacy = "reviews"',
        "module.coupons.legacy",
        'is "reviews", which module reviews has already',
    ),
    "an order with an unknown repository": (
        "legacy.shop",
        "requires = { 3 = { likes = 1 } }",
        "legacy.shop.requires.3",
        'names "likes", which is not another legacy repository of: shop, reviews',
    ),
    "an order with itself": (
        "legacy.shop",
        "requires = { 3 = { shop = 1 } }",
        "legacy.shop.requires.3",
        'names "shop", which is not another legacy repository of: shop, reviews',
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_names_key_file_and_what_is_allowed(project: Project, mistake: str) -> None:
    table, line, key, rule = MISTAKES[mistake]
    project.configure(table, line)
    with pytest.raises(ConfigError) as caught:
        load(project.file)
    rule = rule.replace("ROOT", str(project.root))
    assert told(caught.value) == (
        f"{key} in {project.file} {rule}.",
        f"Change {key} in {project.file}.",
    )
    assert caught.value.code == "config-invalid"


# What is taken out of the shop's bridge.toml or changed there, and what is said then.
CHANGES = {
    "no scripts": (
        'script_location = "alembic"\n',
        "",
        "alembic in FILE must have one of script_location and config, and not both.",
    ),
    "scripts that are not there": (
        'script_location = "alembic"',
        'script_location = "gone"',
        "alembic.script_location in FILE names ROOT/gone, which does not exist.",
    ),
    "an alembic.ini that is not there": (
        'script_location = "alembic"',
        'config = "alembic.ini"',
        "alembic.config in FILE names ROOT/alembic.ini, which does not exist.",
    ),
    "a repository that is not there": (
        '"legacy/shop"',
        '"legacy/gone"',
        "legacy.shop.repository in FILE names ROOT/legacy/gone, which does not exist.",
    ),
    "a stamp that is no table": (
        '{ 3 = ["shop_base"] }',
        '"shop_base"',
        "legacy.shop.stamp in FILE must be a table from versions to values, not 'shop_base'.",
    ),
    "a stamp of a number": (
        '{ 3 = ["shop_base"] }',
        "{ 3 = 4 }",
        "legacy.shop.stamp.3 in FILE must be a list of strings, not 4.",
    ),
    "a stamp of no revision": (
        '{ 3 = ["shop_base"] }',
        '{ 2 = [], 3 = ["shop_base"] }',
        "legacy.shop.stamp.2 in FILE must name at least one Alembic revision.",
    ),
    "a stamp of no version": (
        '{ 3 = ["shop_base"] }',
        '{ last = ["shop_base"] }',
        "legacy.shop.stamp.last in FILE must have a whole number as its key.",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_value_that_cannot_be_names_key_and_file(project: Project, change: str) -> None:
    old, new, message = CHANGES[change]
    project.replace(FILE_NAME, old, new)
    with pytest.raises(ConfigError) as caught:
        load(project.file)
    message = message.replace("FILE", str(project.file)).replace("ROOT", str(project.root))
    key = message.partition(" in ")[0]
    assert told(caught.value) == (message, f"Change {key} in {project.file}.")


@pytest.mark.parametrize(
    ("old", "new", "key", "hint"),
    [
        ('[alembic]\nscript_location = "alembic"\n', "", "alembic", ""),
        ("[alembic]", "[alembik]", "alembic", "; is alembik a misspelling of it?"),
        ('repository = "legacy/shop"\n', "", "legacy.shop.repository", ""),
        ('stamp = { 3 = ["shop_base"] }\n', "", "legacy.shop.stamp", ""),
        ('repository = "legacy/shop"', 'registry = "a.b:C"', "legacy.shop.version_table", ""),
    ],
)
def test_a_key_that_is_missing(project: Project, old: str, new: str, key: str, hint: str) -> None:
    project.replace(FILE_NAME, old, new)
    with pytest.raises(ConfigError) as caught:
        load(project.file)
    assert told(caught.value) == (
        f"{key} is missing in {project.file}{hint}.",
        f"Add {key} to {project.file}.",
    )


# --- mistakes that show when the files beside it are read ---------------------------------


def refused(project: Project, kind: type[BridgeError]) -> tuple[str, str]:
    """What bridge says of a project when it is asked where a database stands."""
    with pytest.raises(kind) as caught:
        project.bridge("sqlite://").status()
    assert type(caught.value) is kind
    return told(caught.value)


REPOSITORY_HELP = "Set legacy.NAME.repository to the folder with migrate.cfg and versions/."


def test_a_repository_without_its_migrate_cfg(project: Project) -> None:
    cfg = project.root / "legacy/shop/migrate.cfg"
    cfg.unlink()
    assert refused(project, RepositoryInvalidError) == (
        f"{cfg} does not exist, so {cfg.parent} is not a sqlalchemy-migrate repository.",
        REPOSITORY_HELP,
    )


@pytest.mark.parametrize(
    ("text", "message", "help"),
    [
        (
            "repository_id=Shop\n",
            "{cfg} cannot be read: File contains no section headers.\n"
            "file: '{cfg}', line: 1\n'repository_id=Shop\\n'",
            "Fix the file.",
        ),
        (
            "[settings]\nrepository_id=Shop\n",
            "{cfg}: No section: 'db_settings'",
            "It needs [db_settings] with repository_id and version_table.",
        ),
        (
            "[db_settings]\nrepository_id=Shop\n",
            "{cfg}: No option 'version_table' in section: 'db_settings'",
            "It needs [db_settings] with repository_id and version_table.",
        ),
        (
            "[db_settings]\nrepository_id=\nversion_table=v\n",
            "{cfg}: repository_id is empty.",
            "Set it to the id in the version rows of old databases.",
        ),
    ],
)
def test_a_migrate_cfg_that_says_too_little(
    project: Project, text: str, message: str, help: str
) -> None:
    cfg = project.write("legacy/shop/migrate.cfg", text)
    assert refused(project, RepositoryInvalidError) == (message.replace("{cfg}", str(cfg)), help)


def test_a_repository_without_a_version(project: Project) -> None:
    versions = project.root / "legacy/shop/versions"
    for path in versions.glob("0*.py"):
        path.rename(path.with_name(path.name.lstrip("0")))
    assert refused(project, RepositoryInvalidError) == (
        f"{versions} has no version: no file named like 001_first.py or 001_first_upgrade.sql.",
        REPOSITORY_HELP,
    )


def test_the_last_version_must_be_in_the_stamp_map(project: Project) -> None:
    project.replace(FILE_NAME, "{ 3 =", "{ 2 =")
    assert refused(project, ConfigError) == (
        f"legacy.shop.stamp in {project.file} lacks version 3, the last version of "
        f"{project.root}/legacy/shop.",
        'Add 3 = ["REVISION"]: the Alembic revision that equals the schema at that version.',
    )


def test_a_stamp_of_a_version_that_the_repository_lacks(project: Project) -> None:
    project.replace(FILE_NAME, "{ 3 =", '{ 7 = ["shop_notes"], 3 =')
    assert refused(project, ConfigError) == (
        f"legacy.shop.stamp.7 in {project.file}: the repository {project.root}/legacy/shop has "
        "no version 7 (it has 1 to 3).",
        f"Change legacy.shop.stamp in {project.file}.",
    )


def test_a_requirement_of_a_version_that_the_repository_lacks(project: Project) -> None:
    project.configure("legacy.shop", "requires = { 9 = { reviews = 1 } }")
    assert refused(project, ConfigError) == (
        f"legacy.shop.requires.9 in {project.file}: the repository {project.root}/legacy/shop has "
        "no version 9.",
        f"Change legacy.shop.requires in {project.file}.",
    )


def test_a_stamp_of_a_revision_that_no_script_has(project: Project) -> None:
    project.replace(FILE_NAME, '"shop_base"', '"shop_basis"')
    assert refused(project, ConfigError) == (
        f"legacy.shop.stamp.3 in {project.file} names the Alembic revision shop_basis, which no "
        "script has.",
        "See which there are: bridge alembic history",
    )


@pytest.mark.parametrize("target", ["nowhere", "shop@nowhere", "nowhere@head"])
def test_a_target_that_no_script_has(project: Project, target: str) -> None:
    project.configure("alembic", f'targets = ["{target}"]')
    message, help = refused(project, RevisionsError)
    # The rest is Alembic's own, and of its version.
    assert message.startswith(f"There is no Alembic revision {target}: ")
    assert help == (
        f"Change alembic.targets in {project.file}.\nSee which there are: bridge alembic heads"
    )


def test_a_script_that_does_not_load(project: Project) -> None:
    path = project.write("alembic/versions/broken.py", "import nothing_of_this_name\n")
    assert refused(project, RevisionsError) == (
        "The Alembic scripts cannot be read: ModuleNotFoundError: No module named "
        f"'nothing_of_this_name'\nAt: {path}, line 1",
        "Fix the script.\nOr see: bridge alembic history --verbose",
    )


@pytest.mark.parametrize(
    ("hook", "message", "help"),
    [
        (
            "no_such_module_at_all:lay",
            "cannot be loaded: ModuleNotFoundError: No module named 'no_such_module_at_all'",
            "Write it as package.module:NAME. If the package is not installed, name its folder "
            "in alembic.pythonpath.",
        ),
        (
            "string:lay",
            "cannot be loaded: AttributeError: module 'string' has no attribute 'lay'",
            "Write it as package.module:NAME. If the package is not installed, name its folder "
            "in alembic.pythonpath.",
        ),
        (
            "string:digits",
            "cannot be called.",
            "Name a function that takes a connection, or a mapping from models to rows: "
            "package.module:NAME",
        ),
    ],
)
def test_a_hook_that_is_none_stops_a_run_before_it_begins(
    project: Project, tmp_path: Path, hook: str, message: str, help: str
) -> None:
    project.configure("database", f'foundations = "{hook}"')
    file = tmp_path / "x.sqlite"
    with pytest.raises(HookError) as caught:
        project.bridge(f"sqlite:///{file}").dbupdate()
    assert told(caught.value) == (
        f"{hook} of {project.file} {message}",
        help,
    )
    assert not file.exists()


def test_models_that_are_none_stop_a_run_before_it_begins(project: Project, tmp_path: Path) -> None:
    project.configure("alembic", 'models = "string:digits"')
    project.configure("database", 'fresh = "models"')
    file = tmp_path / "x.sqlite"
    with pytest.raises(HookError) as caught:
        project.bridge(f"sqlite:///{file}").dbupdate()
    assert told(caught.value) == (
        f"string:digits of {project.file} is not a MetaData, and has none.",
        "Name the metadata of the models, package.module:metadata, or a list of models, "
        "package.module:MODELS.",
    )
    assert not file.exists()
