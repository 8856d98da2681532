"""Writes little Alembic script folders for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import indent

from support.databases import Database

from bridge import Bridge

OUR_ENV = "from bridge.revisions import run_environment\n\nrun_environment()\n"

# As `alembic init` writes it, shortened: opens an engine of its own from the URL.
CLASSIC_ENV = """\
from alembic import context
from sqlalchemy import engine_from_config, pool

section = context.config.get_section(context.config.config_ini_section, {})
engine = engine_from_config(section, prefix="sqlalchemy.", poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=None)
    with context.begin_transaction():
        context.run_migrations()
"""

SCRIPT = '''\
"""{doc}"""

import sqlalchemy as sa
from alembic import op

revision = {revision!r}
down_revision = {down!r}
branch_labels = {labels!r}
depends_on = {depends!r}


def upgrade():
{upgrade}


def downgrade():
{downgrade}
'''


def write_env(folder: Path, text: str = OUR_ENV) -> Path:
    """A script location with an env.py and an empty `versions` folder."""
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text(text, encoding="utf-8")
    return folder


def bridge_of(scripts: Path, database: Database) -> Bridge:
    """A `Bridge` of the scripts in a location, and of a database."""
    tables = {"alembic": {"script_location": str(scripts)}}
    return Bridge(url=database.url, root=scripts.parent, **tables)


def write_revision(
    folder: Path,
    revision: str,
    down: str | Sequence[str] | None = None,
    *,
    upgrade: str = "pass",
    downgrade: str = "pass",
    depends: str | Sequence[str] | None = None,
    label: str | None = None,
    doc: str = "",
) -> Path:
    """A revision whose `upgrade()` and `downgrade()` have the given statements."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{revision}.py"
    path.write_text(
        SCRIPT.format(
            doc=doc or f"Revision {revision}.",
            revision=revision,
            down=down,
            labels=label and (label,),
            depends=depends,
            upgrade=indent(upgrade, "    "),
            downgrade=indent(downgrade, "    "),
        ),
        encoding="utf-8",
    )
    return path


def create_table(name: str, *columns: str) -> str:
    """A statement that creates a table with an id and text columns."""
    more = "".join(f", sa.Column({column!r}, sa.String(20))" for column in columns)
    return f"op.create_table({name!r}, sa.Column('id', sa.Integer, primary_key=True){more})"
