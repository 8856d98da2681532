"""Images are known by a UUID, no longer by a number."""

import uuid

import sqlalchemy as sa

CHILDREN = ("image_members", "image_properties")
# Properties that name another image.
PARTS = ("kernel_id", "ramdisk_id")


def upgrade(connection):
    """What version 12 does; the UUIDs are other ones each time, as its are."""
    if connection.dialect.name == "sqlite":
        rebuild_all(connection)
        name_anew(connection)
        return
    key, drop, text = ("{}_image_id_fkey", "DROP CONSTRAINT", "ALTER COLUMN {} TYPE VARCHAR(36)")
    if connection.dialect.name != "postgresql":
        key, drop, text = ("{}_ibfk_1", "DROP FOREIGN KEY", "MODIFY {} VARCHAR(36) NOT NULL")
    for child in CHILDREN:
        alter(connection, child, f"{drop} {key.format(child)}, {text.format('image_id')}")
    alter(connection, "images", text.format("id"))
    name_anew(connection)
    for child in CHILDREN:
        refers = "FOREIGN KEY (image_id) REFERENCES images (id)"
        alter(connection, child, f"ADD CONSTRAINT {key.format(child)} {refers}")


def alter(connection, table, how):
    """Change a table as the database itself can."""
    connection.exec_driver_sql(f"ALTER TABLE {table} {how}")


def name_anew(connection):
    """Give each image a UUID, wherever its number stands."""
    images = sa.table("images", sa.column("id", sa.String))
    numbers = connection.execute(sa.select(images.c.id)).scalars().all()
    names = [{"number": number, "uuid": str(uuid.uuid4())} for number in numbers]
    if not names:
        return
    number, new = sa.bindparam("number", type_=sa.String), sa.bindparam("uuid", type_=sa.String)
    connection.execute(images.update().where(images.c.id == number).values(id=new), names)
    for child in CHILDREN:
        table = sa.table(child, sa.column("image_id", sa.String))
        own = table.update().where(table.c.image_id == number)
        connection.execute(own.values(image_id=new), names)
    properties = sa.table("image_properties", sa.column("name"), sa.column("value", sa.Text))
    for part in PARTS:
        own = properties.update().where(properties.c.name == part, properties.c.value == number)
        connection.execute(own.values(value=new), names)


def rebuild_all(connection):
    """On SQLite a column's type cannot be changed; the indexes that go with it do not come back."""
    numbered = "id INTEGER NOT NULL PRIMARY KEY, image_id VARCHAR(36) NOT NULL"
    life = (
        "created_at DATETIME NOT NULL, updated_at DATETIME, deleted_at DATETIME, "
        "deleted BOOLEAN NOT NULL"
    )
    of_image = ("CHECK (deleted IN (0, 1))", "FOREIGN KEY (image_id) REFERENCES images (id)")
    rebuild(
        connection,
        "images",
        "id VARCHAR(36) NOT NULL PRIMARY KEY, name VARCHAR(255), size INTEGER, "
        f"status VARCHAR(30) NOT NULL, is_public BOOLEAN NOT NULL, location TEXT, {life}, "
        "disk_format VARCHAR(20), container_format VARCHAR(20), checksum VARCHAR(32), "
        "owner VARCHAR(255), min_disk INTEGER NOT NULL, min_ram INTEGER NOT NULL",
        "CHECK (is_public IN (0, 1))",
        "CHECK (deleted IN (0, 1))",
    )
    rebuild(
        connection,
        "image_members",
        f"{numbered}, member VARCHAR(255) NOT NULL, can_share BOOLEAN NOT NULL, {life}",
        "UNIQUE (image_id, member)",
        "CHECK (can_share IN (0, 1))",
        *of_image,
    )
    rebuild(
        connection,
        "image_properties",
        f"{numbered}, name VARCHAR(255) NOT NULL, value TEXT, {life}",
        "UNIQUE (image_id, name)",
        *of_image,
    )
    for name in ("deleted", "name"):
        connection.exec_driver_sql(
            f"CREATE INDEX ix_image_properties_{name} ON image_properties ({name})"
        )


def rebuild(connection, name, columns, *constraints):
    """Make a table anew with what SQLite cannot change."""
    names = ", ".join(column.split()[0] for column in columns.split(", "))
    for statement in (
        f"CREATE TABLE new_{name} ({', '.join((columns, *constraints))})",
        f"INSERT INTO new_{name} ({names}) SELECT {names} FROM {name}",
        f"DROP TABLE {name}",
        f"ALTER TABLE new_{name} RENAME TO {name}",
    ):
        connection.exec_driver_sql(statement)
