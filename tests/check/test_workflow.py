"""`bridge check` tells what holds, and finds each way in which a history breaks."""

from __future__ import annotations

import sqlite3
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from support.alembic_projects import write_revision
from support.databases import Database
from support.legacy_projects import BASE, CREATE_NOTES, ONCE, LegacyProject
from support.projects import Project

from bridge import Bridge
from bridge.check.cases import on_database, on_files
from bridge.model.checks import Checked, Finding, Proof
from bridge.model.progress import Progress


@dataclass
class Told(Progress):
    """Keeps what it is told."""

    notes: list[str] = field(default_factory=list)
    proofs: list[Proof] = field(default_factory=list)

    def notify(self, text: str) -> None:
        self.notes.append(text)

    def proved(self, proof: Proof) -> None:
        self.proofs.append(proof)


def checked(project: Project) -> Checked:
    return project.bridge().check(progress=Told())


def found(outcome: Checked) -> dict[str, Finding]:
    return {f.name: f for proof in outcome.proofs for f in proof.findings if not f.accepted}


Break = Callable[[Project], object]
CORE, LIKES, MESSAGES = (
    f"alembic_migrations/{folder}" for folder in ("versions", "likes", "messages")
)


def edit(name: str, old: str, new: str = "") -> Break:
    return lambda project: project.replace(name, old, new)


def run_also(name: str, statement: str) -> Break:
    """A revision does something more at its beginning."""
    return edit(f"{name}.py", "def upgrade():\n", f"def upgrade():\n    {statement}\n")


SECOND_HEAD = """
revision = "core_other"
down_revision = "core_media_license"
branch_labels = depends_on = None


def upgrade():
    pass
"""

# What is broken: where, and what a finding is called and says.
BROKEN: dict[str, tuple[Break, str, str]] = {
    "a column is missing in the base": (
        edit(f"{CORE}/core_base.py", '        sa.Column("caption", sa.Text),\n'),
        "base core 14",
        "media_entries.caption",
    ),
    "a default is lost": (
        edit(f"{CORE}/core_base.py", ', server_default="processed"'),
        "base core 14",
        "media_entries.state default",
    ),
    "a type is changed": (
        edit(f"{CORE}/core_base.py", "sa.String(64), nullable", "sa.String(60), nullable"),
        "base core 14",
        "users.username type",
    ),
    "NOT NULL is lost": (
        edit(f"{CORE}/core_base.py", "sa.String(200), nullable=False", "sa.String(200)"),
        "base core 14",
        "media_entries.title nullability",
    ),
    "an index is missing": (
        edit(
            f"{CORE}/core_base.py",
            '    op.create_index("ix_media_entries_created", "media_entries", ["created"])\n',
        ),
        "base core 14",
        "ix_media_entries_created",
    ),
    "a unique constraint is missing": (
        edit(
            f"{LIKES}/likes_base.py",
            '        sa.UniqueConstraint("media_id", "user_id", name="uq_likes_media_user"),\n',
        ),
        "base likes 3",
        "likes unique",
    ),
    "a foreign key is missing": (
        edit(
            f"{LIKES}/likes_base.py",
            '        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_likes_user"),\n',
        ),
        "base likes 3",
        "likes foreign key (user_id)",
    ),
    "a foreign key does something else": (
        edit(f"{CORE}/core_base.py", ', ondelete="SET NULL"'),
        "base core 14",
        "media_comments",
    ),
    "the base makes a table too many": (
        run_also(f"{CORE}/core_base", 'op.create_table("ghosts", sa.Column("id", sa.Integer))'),
        "schema at the heads",
        "ghosts",
    ),
    "the stamp names a later revision": (
        edit("bridge.toml", '14 = ["core_base"]', '14 = ["core_media_license"]'),
        "base core 14",
        "media_entries.license",
    ),
    "the stamp of a module names a later revision": (
        edit("bridge.toml", '3 = ["likes_base"]', '3 = ["likes_weight"]'),
        "base likes 3",
        "likes.weight",
    ),
    "rows are deleted": (
        run_also(f"{CORE}/core_media_license", 'op.execute("DELETE FROM media_comments")'),
        "rows media_comments by upgrade core_media_license",
        "media_comments has lost all rows",
    ),
    "a table is dropped with its rows": (
        run_also(f"{CORE}/core_media_license", 'op.drop_table("settings")'),
        "rows settings by upgrade core_media_license",
        "settings has lost all rows",
    ),
    "values are lost": (
        run_also(f"{LIKES}/likes_weight", 'op.execute("UPDATE likes SET created = NULL")'),
        "values likes.created by upgrade likes_weight",
        "likes.created has fewer values",
    ),
    "rows are in the way": (
        edit(f"{CORE}/core_media_license.py", "sa.String(40)", "sa.String(40), nullable=False"),
        "failed on the way to the heads",
        "core_media_license",
    ),
    "keys point nowhere": (
        run_also(f"{MESSAGES}/messages_base", 'op.execute("UPDATE likes SET user_id = 99")'),
        "failed on the way to the heads",
        "messages_base",
    ),
    "a revision does something else where there are rows": (
        edit(
            f"{MESSAGES}/messages_read_at.py",
            "    op.create_index(",
            '    if not op.get_bind().execute(sa.text("SELECT 1 FROM messages")).first():\n'
            "        op.create_index(",
        ),
        "schema at the heads",
        "ix_messages_read_at",
    ),
    "a first revision does not say what it needs": (
        edit(f"{MESSAGES}/messages_base.py", '"core_base"\n', "None\n"),
        "failed branch messages alone",
        "users",
    ),
    "a later revision does not say what it needs": (
        edit(f"{LIKES}/likes_totals.py", '"core_media_visibility"\n', "None\n"),
        "failed branch likes alone",
        "visibility",
    ),
    "a branch has two heads": (
        lambda project: project.write(f"{CORE}/core_other.py", SECOND_HEAD),
        "heads core",
        "core_other",
    ),
    "a downgrade does not undo": (
        edit(f"{LIKES}/likes_totals.py", 'op.drop_table("like_totals")', "pass"),
        "downgrade likes_totals",
        "like_totals",
    ),
    "a downgrade fails": (
        edit(f"{MESSAGES}/messages_read_at.py", 'op.drop_index("ix_', 'op.drop_index("no_'),
        "downgrade messages_read_at",
        "no_messages_read_at",
    ),
    "a script is changed": (
        edit("legacy_migrations/core/versions/004_placeholder.py", "def upgrade", "def  upgrade"),
        "seal core",
        "004_placeholder.py",
    ),
}


# Of these none is in the way of another: one check finds all of them.
TOGETHER: tuple[tuple[str, ...], ...] = (
    (
        "a column is missing in the base",
        "a default is lost",
        "a type is changed",
        "NOT NULL is lost",
        "an index is missing",
        "a unique constraint is missing",
        "a foreign key is missing",
        "a foreign key does something else",
        "a script is changed",
    ),
    ("rows are deleted", "a table is dropped with its rows", "values are lost"),
    (
        "a first revision does not say what it needs",
        "a later revision does not say what it needs",
        "the base makes a table too many",
    ),
    ("the stamp names a later revision", "the stamp of a module names a later revision"),
)
BY_ITSELF = tuple((name,) for name in BROKEN if name not in {n for one in TOGETHER for n in one})


@ONCE
@pytest.mark.parametrize("broken", TOGETHER + BY_ITSELF, ids=", ".join)
def test_a_broken_history_is_found(broken: tuple[str, ...], sample: Project) -> None:
    for one in broken:
        BROKEN[one][0](sample)

    outcome = checked(sample)

    assert not outcome.ok
    findings = found(outcome)
    for one in broken:
        _, name, says = BROKEN[one]
        finding = findings[name]
        told = " ".join([finding.message, *(d.name for d in finding.differences)])
        assert says in told, one


# --- what holds ---------------------------------------------------------------------------


def names(proofs: list[Proof], database: str) -> list[tuple[str, str]]:
    return sorted((proof.kind, proof.name) for proof in proofs if proof.database == database)


@pytest.mark.parametrize(
    "dialect",
    ["sqlite", pytest.param("postgresql", marks=ONCE), pytest.param("mariadb", marks=ONCE)],
)
def test_the_sample_holds_on_every_database(
    dialect: str, sample: Project, make_database: Callable[[str], Database], tmp_path: Path
) -> None:
    xml, html = tmp_path / "check.xml", tmp_path / "check.html"
    where = [] if dialect == "sqlite" else ["--scratch-url", make_database(dialect).url]

    result = sample.run(
        "check", *where, "--no-sqlite" if where else "--sqlite",
        "--junit", str(xml), "--page", str(html),
    )  # fmt: skip

    assert (result.exit_code, result.stderr.count("FAILED")) == (0, 0)
    assert "Every old database can be upgraded: all 38 proofs hold" in result.stdout
    assert ET.parse(xml).getroot().get("failures") == "0"
    assert "from core 7, likes 0" in html.read_text(encoding="utf-8")


@ONCE
def test_what_is_to_be_proved_is_known_before(sample: Project) -> None:
    progress = Told()
    bridge = sample.bridge()
    bridge.check(progress=progress)
    assert names(progress.proofs, "") == sorted(on_files(bridge.project))
    assert names(progress.proofs, "sqlite") == sorted(on_database(bridge.project, "sqlite"))


@pytest.mark.server
@ONCE
def test_several_databases_are_worked_on_at_once(
    sample: Project, make_database: Callable[[str], Database]
) -> None:
    progress = Told()
    url = make_database("postgresql").url
    outcome = sample.bridge().check([url], jobs=2, progress=progress)
    assert outcome.ok
    assert [database.name for database in outcome.databases] == ["postgresql", "sqlite"]
    assert names(progress.proofs, "sqlite") == names(progress.proofs, "postgresql")


@ONCE
def test_what_is_accepted_is_told_and_does_not_fail(sample: Project) -> None:
    run_also(f"{CORE}/core_media_license", 'op.execute("DELETE FROM media_comments")')(sample)
    sample.configure("check", 'accept = ["sqlite rows media_comments by *"]')
    outcome = checked(sample)
    assert outcome.ok
    accepted = {f.name for proof in outcome.proofs for f in proof.findings}
    assert accepted == {"rows media_comments by upgrade core_media_license"}

    sample.replace("bridge.toml", '"sqlite rows', '"mariadb rows')
    assert not checked(sample).ok


@ONCE
def test_what_revisions_make_is_recorded_and_compared(sample: Project, tmp_path: Path) -> None:
    assert sample.run("check", "--record").exit_code == 0
    database = f"sqlite:///{tmp_path}/new.db"
    assert sample.run("dbupdate", "--yes", url=database).exit_code == 0
    verified = sample.run("verify", url=database)
    assert (
        "The schema is that of revision core_tag_slugs and revision likes_totals" in verified.stdout
    )

    sample.replace(
        f"{MESSAGES}/messages_read_at.py", '"read_at", sa.DateTime', '"read_at", sa.Date'
    )
    assert {*found(checked(sample))} == {"recorded messages_read_at"}


# --- histories that are hard to climb ----------------------------------------------------

THREE = {
    "001_notes": CREATE_NOTES,
    "002_kind": "migrate_engine.execute('ALTER TABLE notes ADD COLUMN kind VARCHAR(9)')",
    "003_size": "migrate_engine.execute('ALTER TABLE notes ADD COLUMN size INTEGER')",
}
MAKES_NOTES = """\
op.create_table(
    "notes",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("text", sa.String(80)),
    sa.Column("kind", sa.String(9)),
)"""
MAKES_SIZE = 'op.add_column("notes", sa.Column("size", sa.Integer))'
DROPS = 'op.drop_table("notes")'


@pytest.fixture
def app(tmp_path: Path) -> Callable[..., Bridge]:
    """`app(scripts)`: versions 2 and 3 of its history equal two revisions; other tables of its
    configuration are the keyword arguments."""

    def make(scripts: dict[str, str] = THREE, **tables: Any) -> Bridge:
        project = LegacyProject(tmp_path / "app")
        project.repository(scripts, **tables.pop("app", {}))
        folder = project.root / "alembic/versions"
        (folder / f"{BASE}.py").unlink()
        write_revision(folder, "two", upgrade=MAKES_NOTES, downgrade=DROPS)
        undo = 'with op.batch_alter_table("notes") as notes:\n    notes.drop_column("size")'
        write_revision(folder, "three", "two", upgrade=MAKES_SIZE, downgrade=undo)
        project.tables["app"]["stamp"] = tables.pop("stamp", {3: ["three"]})
        return project.bridge("sqlite://", **tables)

    return make


def by_path(outcome: Checked) -> dict[str, list[str]]:
    return {
        proof.name: [finding.name for finding in proof.findings]
        for proof in outcome.proofs
        if proof.kind == "path"
    }


NEAREST = {"app": {"hand_over": "nearest"}}


@pytest.mark.process
def test_versions_that_are_handed_over_elsewhere_are_run_by_themselves(
    app: Callable[..., Bridge],
) -> None:
    right = app(stamp={2: ["two"], 3: ["three"]}, **NEAREST)
    assert right.check(progress=Told()).ok


@pytest.mark.process
@ONCE
def test_only_the_versions_before_a_wrong_stamp_are_told(app: Callable[..., Bridge]) -> None:
    wrong = app(stamp={2: ["three"], 3: ["three"]}, **NEAREST)
    outcome = wrong.check(progress=Told())
    lost = ["schema at the heads"]
    assert by_path(outcome) == {
        "from app 0": lost, "from app 1": lost, "from app 2": lost, "from app 3": [],
    }  # fmt: skip
    assert "base app 2" in found(outcome)


ONLY = (
    "texts = [row[0] for row in migrate_engine.execute('SELECT text FROM notes')]\nassert {}, texts"
)


@pytest.mark.process
@ONCE
@pytest.mark.parametrize(
    ("condition", "accepted", "name"),
    [
        ("all(t is not None for t in texts)", True, "edge legacy app 2"),
        ("not texts", False, "failed legacy app 2"),
    ],
    ids=["extreme values", "rows"],
)
def test_a_version_that_stumbles_over_rows_is_run_with_others(
    condition: str, accepted: bool, name: str, app: Callable[..., Bridge]
) -> None:
    script = f"{ONLY.format(condition)}\n{THREE['002_kind']}"
    outcome = app({**THREE, "002_kind": script}).check(progress=Told())
    assert outcome.ok is accepted
    assert by_path(outcome) == {
        "from app 0": [name], "from app 1": [name], "from app 2": [], "from app 3": [],
    }  # fmt: skip


@pytest.mark.process
@ONCE
def test_behind_a_version_that_does_not_run_a_saved_database_is_needed(
    app: Callable[..., Bridge], tmp_path: Path
) -> None:
    bridge = app({**THREE, "002_kind": "raise RuntimeError('never worked here')"},
                 check={"snapshots": str(tmp_path / "saved")})  # fmt: skip
    failed, behind = "failed legacy app 2", "unproved behind legacy app 2"
    assert by_path(bridge.check(progress=Told())) == {
        "from app 0": [failed], "from app 1": [failed], "from app 2": [behind],
        "from app 3": [behind],
    }  # fmt: skip

    (tmp_path / "saved").mkdir()
    with sqlite3.connect(tmp_path / "saved/app-002.sqlite") as old:
        old.executescript(
            "CREATE TABLE migrate_version (repository_id VARCHAR(250) NOT NULL PRIMARY KEY,"
            " repository_path TEXT, version INTEGER);"
            "INSERT INTO migrate_version VALUES ('app', '', 2);"
            "CREATE TABLE notes (id INTEGER NOT NULL PRIMARY KEY, text VARCHAR(80),"
            " kind VARCHAR(9)); INSERT INTO notes VALUES (1, 'old', NULL);"
        )
    old.close()
    outcome = bridge.check(progress=Told())
    assert by_path(outcome) == {
        "from app 0": [failed], "from app 1": [failed], "from app 2": [], "from app 3": [],
    }  # fmt: skip
    assert [p.ok for p in outcome.proofs if p.kind == "snapshot"] == [True]
