"""The text of a base revision, from handmade schemas: no database."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite

from bridge.init.baseline import NOW, Carried, ColumnSource, Observed, Part, Rows, write_script
from bridge.init.baseline.source import Call, clause, lines, parsed, statement
from bridge.init.templates import fit_names

DIALECTS = (sqlite.dialect(), postgresql.dialect(), mysql.dialect())  # type: ignore[no-untyped-call]

# --- source -------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_no_text_is_taken_for_a_parameter(dialect: Any) -> None:
    """Neither in expressions nor in statements, whatever colons and backslashes it has."""
    texts = ["".join(text) for text in itertools.product("a:\\% ", repeat=4)]
    for text in texts:
        doubled = text.replace("%", "%%") if dialect.paramstyle in ("pyformat", "format") else text
        made = eval(clause(text), {"sa": sa})
        assert str(made.compile(dialect=dialect)) == doubled
        op = type("Op", (), {"execute": staticmethod(lambda sql: sql)})
        sent = eval(str(statement(text)), {"sa": sa, "op": op})
        sent = sa.text(sent) if isinstance(sent, str) else sent
        assert str(sent.compile(dialect=dialect)) == doubled


def test_long_source_is_laid_out_as_formatters_do() -> None:
    name = "x" * 34
    call = Call(
        "op.create_index", (f'"{name}"', f'"{name}"', Call("", ('"a"', '"b"'), brackets="[]"))
    )
    assert [*lines(call, 4)] == [
        "    op.create_index(",
        f'        "{name}", "{name}", ["a", "b"]',
        "    )",
    ]
    assert [*lines(parsed('sa.Enum("a", name="b")'), 0)] == ['sa.Enum("a", name="b")']
    pieces = [*lines(Call("op.execute", ('"' + "word " * 40 + '"',)), 4)]
    assert max(map(len, pieces)) <= 100
    assert "".join(eval(piece) for piece in pieces[1:-1]) == "word " * 40


@pytest.mark.parametrize(
    ("found", "names"),
    [
        ([("Glance Migrations", "glance/migrate_repo")], ["glance"]),
        ([("migrate", "srv/shop/db/migrate_repo")], ["shop"]),
        ([("core", "a"), ("core", "b"), ("likes", "c")], ["core", "app", "likes"]),
        ([("Shop", "a"), ("shop!", "b")], ["shop", "shop_2"]),
        ([("2nd", "a")], ["nd"]),
    ],
)
def test_a_repository_gets_a_fit_name(found: list[tuple[str, str]], names: list[str]) -> None:
    assert fit_names((identity, Path(path)) for identity, path in found) == names


# --- scripts ------------------------------------------------------------------------------

PLAIN = {"primary_key": None, "unique": [], "foreign_keys": [], "checks": [], "indexes": []}


def column(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "x", "nullable": True, "default": None, **more}


def table(*columns: dict[str, Any], key: str | None = "id", **more: Any) -> dict[str, Any]:
    primary = {"columns": [key], "name": None} if key else None
    return {**PLAIN, "columns": list(columns), "primary_key": primary, "triggers": [], **more}


def foreign_key(column: str, to: str, name: str | None = None) -> dict[str, Any]:
    return {
        "columns": [column], "refers_to": to, "referred_columns": ["id"], "on_delete": None,
        "on_update": None, "deferrable": None, "name": name,
    }  # fmt: skip


def written(
    tables: Mapping[str, Mapping[str, Any]],
    types: Mapping[str, str | Mapping[str, str]] | None = None,
    carried: tuple[Carried, ...] = (),
    **part: Any,
) -> str:
    """The script of tables by dialect, from `depends_on` on; types are Integer without a word."""
    observed = {
        dialect: Observed(dialect, {"tables": dict(found)}, carried=carried)
        for dialect, found in tables.items()
    }
    words = {}
    for dialect, found in tables.items():
        for name, content in found.items():
            for one in content["columns"]:
                source = (types or {}).get(one["name"], "sa.Integer()")
                by = source if isinstance(source, Mapping) else dict.fromkeys(tables, source)
                default = one["default"]
                earlier = words.get((name, one["name"]), ColumnSource({}, {})).defaults
                words[name, one["name"]] = ColumnSource(by, {**earlier, dialect: default})
    names = frozenset(name for found in tables.values() for name in found)
    text = write_script(Part("base", "app", "Doc.", names, **part), observed, words)
    compile(text, "script", "exec")
    return text[text.index("depends_on") :]


def upgrade(text: str) -> str:
    match = re.search(r"def upgrade\(\):\n(.*?)\n\n\ndef downgrade", text, re.DOTALL)
    assert match
    return match[1]


ID = column("id", nullable=False)


def test_what_is_the_same_everywhere_is_written_once() -> None:
    found = table(ID, column("name", nullable=False, default='"x"'))
    text = written({"sqlite": {"things": found}, "postgresql": {"things": found}})
    # It counts on PostgreSQL where the document says so, which this does not.
    assert upgrade(text) == (
        '    op.create_table(\n        "things",\n'
        '        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),\n'
        '        sa.Column("name", sa.Integer, nullable=False, server_default="x"),\n    )'
    )
    assert "def on" not in text


def test_a_type_that_is_another_one_is_a_variant_for_mariadb_too() -> None:
    found = {"things": table(ID, column("text"), key=None)}
    types = {
        "text": {"sqlite": "sa.Text()", "postgresql": "sa.Text()", "mysql": "mysql.LONGTEXT()"}
    }
    text = written(dict.fromkeys(("sqlite", "postgresql", "mysql"), found), types)
    assert 'sa.Column("text", TEXT_OR_LONGTEXT)' in text
    assert '.with_variant(mysql.LONGTEXT(), "mysql")' in text
    assert '.with_variant(mysql.LONGTEXT(), "mariadb")' in text


def test_what_differs_is_told_where_it_differs() -> None:
    one = table(
        column("id"), column("a", nullable=False, default='"1"'), key=None,
        unique=[{"columns": ["a"], "name": "t_a_key"}],
        foreign_keys=[foreign_key("a", "t", "fk_old")],
        indexes=[{"name": "ix", "columns": ["a"], "unique": False}],
    )  # fmt: skip
    other = table(
        column("id"), column("a"), key=None, unique=[{"columns": ["a"], "name": None}],
        foreign_keys=[foreign_key("a", "t")], checks=[{"sql": "a > 0", "name": None}],
    )  # fmt: skip
    text = upgrade(written({"postgresql": {"t": one}, "sqlite": {"t": other}}))
    assert 'nullable=on("sqlite"),' in text
    assert 'server_default="1" if on("postgresql") else None\n' in text
    # The server's own name is no difference, another one is.
    assert 'sa.UniqueConstraint("a"),' in text
    assert 'name="fk_old" if on("postgresql") else None' in text
    assert '*only("sqlite", sa.CheckConstraint("a > 0")),' in text
    assert '    if on("postgresql"):\n        op.create_index("ix", "t", ["a"])' in text


def test_columns_in_another_order_make_another_table() -> None:
    text = upgrade(
        written(
            {
                "sqlite": {"t": table(column("a"), column("b"), key=None)},
                "postgresql": {"t": table(column("b"), column("a"), key=None)},
            }
        )
    )
    assert text.count("op.create_table(") == 2
    assert text.count("if on(") == 2


def test_tables_that_refer_to_each_other_are_made_and_undone() -> None:
    def ring(names: bool) -> dict[str, Any]:
        return {
            "a": table(
                ID, column("b"), foreign_keys=[foreign_key("b", "b", "fk" if names else None)]
            ),
            "b": table(
                ID, column("a"), foreign_keys=[foreign_key("a", "a", "kf" if names else None)]
            ),
        }

    text = written({"sqlite": ring(False), "postgresql": ring(True), "mysql": ring(False)})
    made = upgrade(text)
    assert made.index('"b",\n') < made.index('"a",\n')
    assert '*only("sqlite", sa.ForeignKeyConstraint(["a"], ["a.id"]))' in made
    assert 'op.create_foreign_key("kf", "b", "a", ["a"], ["id"])' in made
    assert 'op.create_foreign_key(None, "b", "a", ["a"], ["id"])' in made
    undone = text[text.index("def downgrade") :]
    assert 'op.drop_constraint("kf", "b", type_="foreignkey")' in undone
    assert "foreign_key_checks = 0" in undone


def test_rows_are_inserted_and_their_sequence_goes_on() -> None:
    found = table({**ID, "autoincrement": True}, column("at"))
    rows = Rows({"id": "sa.Integer()", "at": "sa.DateTime()"}, ({"id": 1, "at": NOW},))
    text = upgrade(
        written(
            {"sqlite": {"t": table(ID, column("at"))}, "postgresql": {"t": found}}, rows={"t": rows}
        )
    )
    assert text.startswith("    now = datetime.now(timezone.utc).replace(tzinfo=None)")
    assert '{"id": 1, "at": now},' in text
    assert "pg_get_serial_sequence('t', 'id')" in text


def test_views_are_made_after_those_that_they_read() -> None:
    carried = tuple(
        Carried(
            "view", name, f"CREATE VIEW {name} AS SELECT * FROM {of}", f"DROP VIEW {name}", "views"
        )
        for name, of in (("a", "b"), ("b", "c"), ("c", "t"))
    )
    text = written(
        {"sqlite": {"t": table(ID)}},
        carried=carried,
        names=frozenset({"view a", "view b", "view c"}),
    )
    assert re.findall(r"(CREATE|DROP) VIEW (\w)", text) == [
        *(("CREATE", name) for name in "cba"),
        *(("DROP", name) for name in "abc"),
    ]
