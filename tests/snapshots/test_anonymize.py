"""Texts that are scrubbed: what of them stays, that none is lost, and whole databases."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.databases import Database, ServerDatabase, SQLiteDatabase
from support.legacy_projects import ONCE
from support.projects import TOP, Project

from bridge.model.errors import ConfigError
from bridge.snapshots.pseudonyms import Scrubber

KEY = b"a secret of this test"
OLD = TOP / "snapshots" / "core-v14-likes-v03"
LONG = 6
"""A text of so many characters of the database's does not become itself by chance."""
WORDS = ["active", "deleted"]

TEXTS = st.one_of(
    st.text(max_size=80),
    st.text("ab AB.@-1", max_size=4),
    st.from_regex(r"[a-z]{1,9}@[a-z]{2,9}\.(com|org)", fullmatch=True),
    st.from_regex(r"https?://[a-z]{1,9}/[A-Za-z0-9._?=&%-]{0,20}", fullmatch=True),
    st.uuids().map(str),
    st.integers().map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.datetimes().map(str),
    st.text("0123456789abcdef", min_size=14, max_size=18),
)


def scrub(text: str) -> str:
    return Scrubber(KEY, WORDS).text(text)


@ONCE
@given(TEXTS)
@example("")
@example("Straße, ŁÓDŹ, Ωμέγα, Привет, 日本語, 😋, e\u0301, ǅ, ﬁ, İ")
def test_a_text_keeps_its_length_in_characters_and_bytes(text: str) -> None:
    other = scrub(text)

    assert len(other) == len(text)
    assert len(other.encode("utf-8", "surrogatepass")) == len(text.encode("utf-8", "surrogatepass"))


@ONCE
@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_a_character_becomes_one_of_its_kind(text: str) -> None:
    for old, new in zip(text, scrub(text), strict=True):
        if unicodedata.category(old)[0] in "ZPC":
            assert new == old
        if old.isascii():
            assert (new.isascii(), new.isalpha(), new.isdigit(), new.isupper()) == (
                True, old.isalpha(), old.isdigit(), old.isupper(),
            )  # fmt: skip


@ONCE
@given(st.lists(TEXTS, max_size=12, unique_by=str.casefold))
@example([f"{n:02}" for n in range(100)])
@example(list("abcdefghijklmnopqrstuvwxyz"))
@example([f"{n}e{m}" for n in range(3) for m in range(9)] + ["0x5", "7z7", "active", "actjve"])
def test_other_texts_become_other_ones_and_the_same_the_same(texts: list[str]) -> None:
    assert len({scrub(text).casefold() for text in texts}) == len(texts)
    assert [scrub(text) for text in texts] == [scrub(text) for text in texts]


@ONCE
@given(st.text("abcdefgh", min_size=LONG), st.binary(min_size=1, max_size=8))
def test_what_a_text_becomes_goes_by_the_key(text: str, key: bytes) -> None:
    first, second = Scrubber(b"1" + key).text(text), Scrubber(b"2" + key).text(text)

    assert len({text, first, second}) == 3


def test_what_is_no_text_of_a_person_s_stays() -> None:
    stays = ["", "ACTIVE", "deleted", "True", "no", "2012-11-15 12:20:15.000000", "1999-12-31",
             "2012-11-15T12:20:15Z", "12:30"]  # fmt: skip

    assert [scrub(text) for text in stays] == stays


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3)
    ),
)


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items()}
    if isinstance(value, list):
        return [shape(one) for one in value]
    return len(value) if isinstance(value, str) else value


@ONCE
@given(JSON.filter(lambda value: isinstance(value, dict | list)), st.booleans())
@example({"name": 'Łucja "the" first\n', "tags": ["a:b", ["x"]], "n": None}, True)
def test_json_keeps_its_keys_and_its_shape(value: Any, ascii_only: bool) -> None:
    other = json.loads(scrub(json.dumps(value, ensure_ascii=ascii_only)))

    assert shape(other) == shape(value)


def test_a_url_an_address_and_a_number_keep_their_form() -> None:
    forms = {
        "https://anna:pw@example.com/a?b=1": r"https://\w{4}:\w\w@\w{7}\.\w{3}/\w\?\w=\d",
        "d9f3a0c2-1111-4aaa-bbbb-0123456789ab": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        "D41D8CD98F00B204E9800998ECF8427E": r"[0-9A-F]{32}",
        "1.5e-10": r"\d\.\de-\d\d",
        "{NULL,ab}": r"\{NULL,[a-z]{2}\}",
    }
    for text, form in forms.items():
        assert re.fullmatch(form, scrub(text))
        assert scrub(text) != text


def test_a_long_text_is_no_slow_one() -> None:
    text = "Anna " * 10_000

    assert "Anna" not in scrub(text)


# --- databases ----------------------------------------------------------------------------


PEOPLE = (
    "CREATE TABLE people (id INTEGER PRIMARY KEY, name VARCHAR(40) UNIQUE, boss VARCHAR(40), "
    "sort TEXT CHECK (sort IN ('Angestellte', 'Leiterin')), status VARCHAR(20), "
    "mood VARCHAR(20) DEFAULT 'undecided', code VARCHAR(20) CHECK (length(code) = 8), note TEXT, "
    "data {binary}, FOREIGN KEY (boss) REFERENCES people (name))",
    "INSERT INTO people VALUES (1, 'Rosamunde Pilz', NULL, 'Leiterin', 'employed', 'overjoyed', "
    "'ROSA1234', '{{\"home\": \"Unter den Linden\"}}', {bytes})",
    "INSERT INTO people VALUES (2, 'Łukasz O''Hara', 'Rosamunde Pilz', 'Angestellte', 'employed', "
    "'undecided', 'LUKA9999', 'tab\tline\nand slashes', {bytes})",
    "INSERT INTO people VALUES (3, '日本 太郎', 'Rosamunde Pilz', NULL, 'employed', NULL, NULL, "
    "'Rosamunde Pilz', {bytes})",
    "INSERT INTO people (id, name, note) VALUES (4, '', '')",
)
KEPT = {
    "people.code": "a rule refers to it",
    "people.data": "it is binary",
    "people.sort": "a rule refers to it",
    "people.status": "few words, each several times",
    "tags.name": "as --keep says",
}


@pytest.fixture
def old(database: Database) -> Database:
    database.load(OLD)
    postgresql = database.dialect == "postgresql"
    words = {"binary": "BYTEA", "bytes": r"'\x00ff'"} if postgresql else {}
    words = words or {"binary": "BLOB", "bytes": "x'00ff'"}
    database.execute(*(sql.format(**words) for sql in PEOPLE))
    return database


def place(row: tuple[Any, ...]) -> str:
    """What in a row is no text: as it was."""
    return repr([value for value in row if not isinstance(value, str)])


def lengths(column: Sequence[Any]) -> list[Any]:
    return [len(value) if isinstance(value, str) else value for value in column]


def equal_ones(column: Sequence[Any]) -> list[int]:
    """Which values are the same."""
    return [column.index(value) for value in column]


def test_a_database_is_anonymized_and_still_upgrades(
    old: Database, sample: Project, tmp_path: Path, make_database: Callable[[str], Database]
) -> None:
    before, urls = old.rows(), [] if old.dialect == "sqlite" else [old.url]

    found = sample.bridge().import_snapshot(
        dump_of(old, tmp_path), urls=urls, anonymize=True, keep=["tags.name"]
    )

    assert found.snapshot.versions == {"core": 14, "likes": 3}
    ours = {name: why for name, why in found.kept.items() if name in KEPT or "people" in name}
    assert {name: why.partition(":")[0] for name, why in ours.items()} == KEPT
    new = make_database(old.dialect)
    new.load(str(found.snapshot.path).removesuffix(new.suffix))
    assert new.schema() == old.schema()
    after, kept = new.rows(), {"undecided", "Rosamunde"}
    names = {name: [c["name"] for c in new.schema()["tables"][name]["columns"]] for name in after}
    secrets = set()
    for table, rows in before.items():
        columns = [zip(*sorted(r, key=place), strict=True) for r in (rows, after[table])]
        for name, mine, theirs in zip(names[table], *columns, strict=True):
            words = {text for text in mine if isinstance(text, str)}
            if f"{table}.{name}" in found.kept or table == "migrate_version":
                assert sorted(map(repr, theirs)) == sorted(map(repr, mine))
                kept |= words
            else:
                secrets |= words
            assert sorted(map(repr, lengths(theirs))) == sorted(map(repr, lengths(mine)))
            assert len(set(theirs)) == len(set(mine))
            if len(set(map(place, rows))) == len(rows):
                assert lengths(theirs) == lengths(mine)
                assert equal_ones(theirs) == equal_ones(mine)
    written = found.snapshot.path.read_text(encoding="utf-8")
    long = {x for x in secrets - kept if len(x) >= LONG and not re.match(r"\d{4}-\d\d-", x)}
    assert len(long) > 20
    assert {x for x in long if x in written and x not in str(new.schema())} == set()
    assert not re.search("Rosamunde|Pilz|Łukasz|Hara|Linden|太郎|slash|joyed", written)
    people = {row[0]: row for row in after["people"]}
    assert {people[2][2], people[3][2], people[3][7]} == {people[1][1]}
    assert people[2][5] == "undecided"
    assert sample.bridge(new).dbupdate(backup=False).outcome == "upgraded"


def dump_of(database: Database, folder: Path) -> Path:
    """The database as its administrator would send it."""
    if isinstance(database, SQLiteDatabase):
        return database.path
    assert isinstance(database, ServerDatabase)
    path = folder / "old.dump"
    path.write_text(database.dump(), encoding="utf-8")
    return path


def test_a_column_whose_new_texts_are_refused_stays_and_is_named(
    sqlite_database: Database, sample: Project, tmp_path: Path
) -> None:
    sqlite_database.load(OLD)
    sqlite_database.execute(
        "CREATE TABLE lent (word VARCHAR(20))",
        "CREATE UNIQUE INDEX lent_begin ON lent (substr(word, 2, 1))",
        *(f"INSERT INTO lent VALUES ('{letter * 8}')" for letter in "abcdefghijklmnopqrstuvwxyz"),
        "CREATE TABLE numbers (number VARCHAR(20) PRIMARY KEY)",
        "CREATE TABLE calls (number BIGINT REFERENCES numbers (number), text VARCHAR(20))",
        "INSERT INTO numbers VALUES ('493012345'), ('493054321')",
        "INSERT INTO calls VALUES (493012345, 'Rosamunde')",
        "CREATE VIRTUAL TABLE words USING fts5(body)",
    )

    found = sample.bridge().import_snapshot(dump_of(sqlite_database, tmp_path), anonymize=True)

    assert found.kept["lent.word"] == "the database refuses other texts"
    assert found.kept["numbers.number"] == "the database refuses other texts"
    assert found.kept["words"] == "its content cannot be scrubbed"
    assert "calls.text" not in found.kept
    assert "'qqqqqqqq'" in found.snapshot.path.read_text(encoding="utf-8")


def test_the_journal_names_nobody(
    sqlite_database: Database, sample: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "rosamunde")
    sqlite_database.load(OLD)
    sample.bridge(sqlite_database).dbupdate(backup=False)

    found = sample.bridge().import_snapshot(dump_of(sqlite_database, tmp_path), anonymize=True)

    written = found.snapshot.path.read_text(encoding="utf-8")
    assert "bridge_journal" in written
    assert "rosamunde" not in written
    assert found.snapshot.revisions == ("core_tag_slugs", "likes_totals", "messages_threads")


def test_a_column_that_is_not_there_cannot_be_kept(
    sqlite_database: Database, sample: Project, tmp_path: Path
) -> None:
    sqlite_database.load(OLD)

    with pytest.raises(ConfigError, match=r"There is no column users\.nme"):
        sample.bridge().import_snapshot(
            dump_of(sqlite_database, tmp_path), anonymize=True, keep=["users.nme"]
        )
