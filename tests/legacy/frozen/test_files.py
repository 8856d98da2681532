"""The frozen format: what is written is read again, and nothing is read that was changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.legacy.frozen.drift import drift, nearest
from bridge.legacy.frozen.files import Frozen, check_seal, checksums, manifest, read_frozen
from bridge.legacy.frozen.format import (
    FOLDER,
    MANIFEST,
    dialect_entry,
    dialect_files,
    mark_for,
    parse_sql,
)
from bridge.model.errors import SealBrokenError
from bridge.model.frozen import FrozenDialect, FrozenVersion, apply_changes, schema_changes


def version(*statements: str, reason: str | None = None) -> FrozenVersion:
    return FrozenVersion(reason is None, reason, False, statements, len(statements), "0")


def table(*columns: str) -> dict[str, object]:
    described = [{"name": n, "type": "INTEGER", "nullable": True, "default": None} for n in columns]
    lists = ("checks", "foreign_keys", "indexes", "triggers", "unique")
    return {"columns": described, "primary_key": None, **{name: [] for name in lists}}


HISTORY = FrozenDialect(
    {1: version("CREATE TABLE a (x INTEGER)"), 2: version(reason="it reads rows: SELECT")},
    {1: {"tables": {"a": table("x")}}, 2: {"tables": {"a": None, "b": table("x", "y")}}},
    error="3 fails",
    runtime={"python": "3.11.2"},
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A repository with a sealed history."""
    home = tmp_path / "legacy"
    for name, text in (("migrate.cfg", "[db_settings]\n"), ("versions/001_a.py", "x = 1\ny = 2\n")):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text, encoding="utf-8")
    (home / FOLDER / "ported").mkdir(parents=True)
    (home / FOLDER / "ported/002.py").write_text("def upgrade(connection): ...\n", encoding="utf-8")
    for name, data in dialect_files("sqlite", HISTORY).items():
        (home / name).write_bytes(data)
    seal(home)
    return home


def seal(home: Path) -> None:
    frozen = Frozen(home, "app", 1, 2, checksums(home), {"sqlite": dialect_entry(HISTORY)})
    (home / FOLDER / MANIFEST).write_bytes(manifest(frozen))


def test_what_is_written_is_read_again(home: Path) -> None:
    frozen = read_frozen(home)
    assert frozen is not None
    assert (frozen.repository_id, frozen.first, frozen.last) == ("app", 1, 2)
    assert frozen.dialects == ("sqlite",)
    assert frozen.on("sqlite") == HISTORY
    assert frozen.on("postgresql") is None
    check_seal(frozen)


def test_a_repository_without_a_manifest_is_not_frozen(tmp_path: Path) -> None:
    assert read_frozen(tmp_path) is None
    assert read_frozen(None) is None


def test_mariadb_has_the_history_of_mysql(home: Path) -> None:
    entry = {"mysql": dialect_entry(HISTORY)}
    for name, data in dialect_files("mysql", HISTORY).items():
        (home / name).write_bytes(data)
    assert Frozen(home, "app", 1, 2, {}, entry).on("mariadb") == HISTORY


# --- the seal -----------------------------------------------------------------------------


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


SEALED = [
    "migrate.cfg",
    "versions/001_a.py",
    "frozen/sqlite.sql",
    "frozen/sqlite.schema.jsonl",
    "frozen/ported/002.py",
]


@pytest.mark.parametrize("name", SEALED)
@pytest.mark.parametrize(
    ("harm", "said"), [(flip, "was changed"), (Path.unlink, "is missing")], ids=["changed", "gone"]
)
def test_a_file_that_is_not_what_it_was_is_named(
    home: Path, name: str, harm: Callable[[Path], None], said: str
) -> None:
    frozen = read_frozen(home)
    assert frozen is not None
    harm(home / name)
    with pytest.raises(SealBrokenError) as error:
        check_seal(frozen)
    assert f"{name} {said}" in error.value.message
    assert error.value.state_of_data == "The database is unchanged."


@pytest.mark.parametrize("name", ["versions/002_b.py", "helper.py", "frozen/mysql.sql"])
def test_a_file_that_has_come_is_named(home: Path, name: str) -> None:
    frozen = read_frozen(home)
    assert frozen is not None
    (home / name).write_text("", encoding="utf-8")
    with pytest.raises(SealBrokenError, match=f"{name} was added"):
        check_seal(frozen)


def test_different_line_endings_are_reported_as_such(home: Path) -> None:
    frozen = read_frozen(home)
    assert frozen is not None
    path = home / "versions/001_a.py"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    with pytest.raises(SealBrokenError, match="has different line endings") as error:
        check_seal(frozen)
    assert error.value.help.endswith(
        "\nTo make git keep line endings, add to .gitattributes: legacy_migrations/** -text"
    )


@pytest.mark.parametrize("name", ["versions/__pycache__/001_a.pyc", ".git/HEAD", "a.py~"])
def test_what_python_and_editors_leave_is_not_sealed(home: Path, name: str) -> None:
    frozen = read_frozen(home)
    assert frozen is not None
    (home / name).parent.mkdir(exist_ok=True)
    (home / name).write_text("", encoding="utf-8")
    check_seal(frozen)


def test_a_seal_of_which_the_manifest_is_gone_is_no_history_without_one(home: Path) -> None:
    (home / FOLDER / MANIFEST).unlink()
    with pytest.raises(SealBrokenError, match=r"manifest\.json is missing"):
        read_frozen(home)


def test_what_is_behind_a_link_is_sealed(home: Path) -> None:
    frozen = read_frozen(home)
    assert frozen is not None
    elsewhere = home.parent / "elsewhere"
    (home / "versions").rename(elsewhere)
    (home / "versions").symlink_to(elsewhere, target_is_directory=True)
    (elsewhere / "again").symlink_to(elsewhere, target_is_directory=True)  # has no end
    check_seal(frozen)
    flip(elsewhere / "001_a.py")
    with pytest.raises(SealBrokenError, match=r"versions/001_a\.py was changed"):
        check_seal(frozen)


@pytest.mark.parametrize("place", range(20, 400, 19))
def test_a_byte_of_the_manifest_is_noticed(home: Path, place: int) -> None:
    path = home / FOLDER / MANIFEST
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(SealBrokenError, match=MANIFEST):
        read_frozen(home)


def test_a_newer_format_is_reported(home: Path) -> None:
    path = home / FOLDER / MANIFEST
    document = {**json.loads(path.read_text(encoding="utf-8")), "format": 3}
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(
        SealBrokenError, match="has format 3; this release of bridge reads formats up to 2"
    ) as error:
        read_frozen(home)
    assert error.value.help == "Use a newer release of bridge."


# --- statements ---------------------------------------------------------------------------

NASTY = [
    "INSERT INTO a VALUES ('100%', ':x', '?', '%s', '%(a)s')",
    "INSERT INTO a VALUES ('first\nline', 'x;\n-- bridge: statement 1 of 1\n')",
    "INSERT INTO a VALUES ('\u00e4\u4e2d\U0001f600\r\n\ttab')",
    "CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET x = 1; DELETE FROM b; END",
    "DO $$ BEGIN RAISE NOTICE 'a;b'; END $$",
    "SELECT 1 -- with a comment",
    "SELECT 2 -- bridge: version 9",
    "DELIMITER",
]


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql", "mysql"])
def test_statements_come_through_unchanged(dialect: str) -> None:
    history = FrozenDialect({3: version(*NASTY), 7: version(), 8: version("SELECT 3")}, {})
    data = dialect_files(dialect, history)[f"{FOLDER}/{dialect}.sql"]
    found = parse_sql(data.decode("utf-8"), mark_for(history))
    assert found == {3: tuple(NASTY), 7: (), 8: ("SELECT 3",)}


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@given(st.lists(TEXT.map(lambda s: s.strip().rstrip(";").rstrip()).filter(bool), max_size=4))
def test_whatever_a_statement_is_it_comes_through(statements: list[str]) -> None:
    history = FrozenDialect({1: version(*statements)}, {})
    text = dialect_files("sqlite", history)[f"{FOLDER}/sqlite.sql"].decode("utf-8")
    assert parse_sql(text, mark_for(history)) == {1: tuple(statements)}


def test_a_body_ends_where_mysqls_client_expects_it() -> None:
    body = "CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW BEGIN SET NEW.x = 1; END"
    history = FrozenDialect({1: version(body)}, {})
    text = dialect_files("mysql", history)[f"{FOLDER}/mysql.sql"].decode("utf-8")
    assert f"DELIMITER ;;\n{body}\n;;\nDELIMITER ;\n" in text


# --- schemas ------------------------------------------------------------------------------

A, B = {"tables": {"a": 1}}, {"tables": {"b": 2}, "views": {"v": 3}}


def test_changes_fold_into_the_schema() -> None:
    changes = [schema_changes({}, A), schema_changes(A, B), schema_changes(B, {"tables": {"b": 4}})]
    assert changes[1] == {"tables": {"a": None, "b": 2}, "views": {"v": 3}}
    assert apply_changes(changes[:1]) == A
    assert apply_changes(changes[:2]) == B
    assert apply_changes(changes) == {"tables": {"b": 4}}
    assert apply_changes([]) == {"tables": {}}


def test_a_schema_is_most_like_the_version_with_the_fewest_differences() -> None:
    found = nearest("app", HISTORY, {"tables": {"b": table("x"), "mine": table("z")}})
    assert found is not None
    assert (found.version, [d.name for d in found.differences]) == (2, ["b.y"])


def test_of_two_versions_with_one_schema_the_later_is_meant() -> None:
    history = FrozenDialect({1: version(), 2: version()}, {1: {"tables": {"a": table("x")}}, 2: {}})
    found = nearest("app", history, {"tables": {"a": table("x")}})
    assert found is not None
    assert (found.version, found.differences) == (2, ())


def test_a_schema_without_the_historys_tables_is_like_no_version() -> None:
    assert nearest("app", HISTORY, {"tables": {"mine": table("z")}}) is None


def test_a_table_of_another_version_is_no_addition_of_ones_own() -> None:
    found = {"tables": {"a": table("x"), "b": table("x", "y"), "mine": table("z")}}
    assert [(d.name, d.kind, d.own) for d in drift(HISTORY, 2, found)] == [
        ("table a", "extra", False)
    ]
