"""A legacy repository's own files: migrate.cfg and the names in `versions/`."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.legacy_projects import write_repository

from bridge.legacy.repository import read_repository
from bridge.model.config import Config, LegacyConfig
from bridge.model.config_file import parse
from bridge.model.errors import ConfigError, RepositoryInvalidError
from bridge.model.repository import Repository

OTHER_CFG = "[db_settings]\nrepository_id = app\nversion_table = migrate_version\n"


def configured(tmp_path: Path, stamp: dict[str, list[str]] | None = None) -> Config:
    (tmp_path / "revisions").mkdir()
    legacy = {"repository": "legacy", "stamp": stamp or {"2": ["abc"]}}
    document = {"alembic": {"script_location": "revisions"}, "legacy": {"core": legacy}}
    return parse(document, root=tmp_path, source="bridge.toml")


def read(
    tmp_path: Path,
    *names: str,
    cfg: str | bytes | None = OTHER_CFG,
    stamp: dict[str, list[str]] | None = None,
) -> Repository:
    """The repository that has these files in `versions/`."""
    scripts = dict.fromkeys(names or ("001_a.py", "002_b.py"), "")
    write_repository(tmp_path / "legacy", scripts, cfg=cfg)
    config = configured(tmp_path, stamp)
    settings: LegacyConfig = config.legacy["core"]
    return read_repository(settings, config)


@pytest.mark.parametrize(
    "cfg",
    [
        "[db_settings]\nRepository_ID = The App\nVERSION_TABLE: Migrate_Version\n",
        "# 100% of it\n[db_settings]\nrepository_id = The App\nversion_table=Migrate_Version\n"
        "required_dbs = ['100%']\n",
        "\ufeff[db_settings]\r\nrepository_id = The App\r\nversion_table = Migrate_Version\r\n",
        "[db_settings]\nrepository_id = old\nrepository_id = The App\n"
        "version_table = Migrate_Version\nuse_timestamp_numbering = False\n",
        "# für alle\n[db_settings]\nrepository_id = The App\n"
        "version_table = Migrate_Version\n".encode("latin-1"),
    ],
    ids=["case", "percent", "mark and line ends", "twice", "latin-1"],
)
def test_migrate_cfg_is_read_as_old_hands_wrote_it(tmp_path: Path, cfg: str | bytes) -> None:
    repository = read(tmp_path, cfg=cfg)
    found = (repository.repository_id, repository.version_table, repository.gaps)
    assert found == ("The App", "Migrate_Version", False)


def test_timestamps_are_versions_without_a_gap(tmp_path: Path) -> None:
    names = ("20110301120000_a.py", "20120615080000_b.py")
    cfg = f"{OTHER_CFG}use_timestamp_numbering = True\n"
    repository = read(tmp_path, *names, cfg=cfg, stamp={"20120615080000": ["abc"]})
    assert repository.versions == (20110301120000, 20120615080000)
    assert repository.gaps


@pytest.mark.parametrize(
    ("names", "versions"),
    [
        (("001_a.py", "010_b.py"), (1, 10)),
        (("001.py", "002.py"), (1, 2)),
        (("001_a_default_upgrade.sql", "002_b_mysql_upgrade.sql"), (1, 2)),
        (("001_a.py", "001_a_sqlite_upgrade.sql", "002_b.py"), (1, 2)),
        (("0001_a.py", "1000_b.py"), (1, 1000)),
        (("001_a.py", "002_b.py~", "003_c.py.orig", "004_d.pyc", "05_e.py", "helpers.py"), (1,)),
        (("001_a.py", "__pycache__/002_b.cpython-311.pyc", "old/003_c.py", "002_b/x.py"), (1,)),
        (("040_first.py", "041_b.py"), (40, 41)),
    ],
)
def test_versions_are_the_files_that_sqlalchemy_migrate_takes(
    tmp_path: Path, names: tuple[str, ...], versions: tuple[int, ...]
) -> None:
    repository = read(tmp_path, *names, stamp={str(versions[-1]): ["abc"]})
    assert repository.versions == versions


@pytest.mark.parametrize(
    ("cfg", "complaint"),
    [
        ("", "No section: 'db_settings'"),
        (
            "[db_settings]\nversion_table = x\n",
            "No option 'repository_id' in section: 'db_settings'",
        ),
        (
            "[db_settings]\nrepository_id = x\n",
            "No option 'version_table' in section: 'db_settings'",
        ),
        (
            "[db_settings]\nrepository_id = 50%\nversion_table = x\n",
            "'%' must be followed by '%' or '(', found: '%'",
        ),
        (f"{OTHER_CFG}use_timestamp_numbering = maybe\n", "Not a boolean: maybe"),
    ],
)
def test_what_migrate_cfg_lacks_is_named(tmp_path: Path, cfg: str, complaint: str) -> None:
    with pytest.raises(RepositoryInvalidError) as caught:
        read(tmp_path, cfg=cfg)
    assert caught.value.message == f"{tmp_path}/legacy/migrate.cfg: {complaint}"
    assert caught.value.help == "It needs [db_settings] with repository_id and version_table."


def test_an_empty_repository_id_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RepositoryInvalidError) as caught:
        read(tmp_path, cfg="[db_settings]\nrepository_id =\nversion_table = x\n")
    assert caught.value.message == f"{tmp_path}/legacy/migrate.cfg: repository_id is empty."
    assert caught.value.help == "Set it to the id in the version rows of old databases."


def test_a_file_that_is_no_configuration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RepositoryInvalidError) as caught:
        read(tmp_path, cfg="repository_id = app\n")
    first, *_ = caught.value.message.splitlines()
    assert first.startswith(f"{tmp_path}/legacy/migrate.cfg cannot be read: File contains no sec")


def test_a_folder_without_migrate_cfg_is_no_repository(tmp_path: Path) -> None:
    (tmp_path / "legacy/versions").mkdir(parents=True)
    config = configured(tmp_path)
    with pytest.raises(RepositoryInvalidError) as caught:
        read_repository(config.legacy["core"], config)
    assert caught.value.message == (
        f"{tmp_path}/legacy/migrate.cfg does not exist, so {tmp_path}/legacy is not a "
        "sqlalchemy-migrate repository."
    )
    assert caught.value.help == (
        "Set legacy.NAME.repository to the folder with migrate.cfg and versions/."
    )


@pytest.mark.parametrize("name", ["1/1.py", "README", "01_short.py"])
def test_a_repository_without_versions_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RepositoryInvalidError) as caught:
        read(tmp_path, name)
    assert caught.value.message == (
        f"{tmp_path}/legacy/versions has no version: no file named like 001_first.py or "
        "001_first_upgrade.sql."
    )


@pytest.mark.parametrize(
    ("stamp", "message", "help"),
    [
        (
            {"1": ["abc"]},
            "legacy.core.stamp in bridge.toml lacks version 2, the last version of {}/legacy.",
            'Add 2 = ["REVISION"]: the Alembic revision that equals the schema at that version.',
        ),
        (
            {"2": ["abc"], "7": ["def"]},
            "legacy.core.stamp.7 in bridge.toml: the repository {}/legacy has no version 7 "
            "(it has 1 to 2).",
            "Change legacy.core.stamp in bridge.toml.",
        ),
    ],
)
def test_a_stamp_map_that_does_not_fit_is_refused(
    tmp_path: Path, stamp: dict[str, list[str]], message: str, help: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, stamp=stamp)
    assert caught.value.message == message.format(tmp_path)
    assert caught.value.help == help
