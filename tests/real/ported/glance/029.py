"""What a location has besides is kept as JSON, no longer as a pickle."""

import io
import json
import pickle

import sqlalchemy as sa


class Data(pickle.Unpickler):
    """Reads a pickle of plain data."""

    def find_class(self, module, name):
        """What would run code is refused: it has no JSON anyway."""
        raise pickle.UnpicklingError(f"a location has more than data: {module}.{name}")


def upgrade(connection):
    """What version 29 does."""
    names = (sa.column("id"), sa.column("meta_data", sa.LargeBinary))
    old = sa.table("image_locations", *names)
    pickled = sa.select(old).where(old.c.meta_data.is_not(None))
    found = (
        (row.id, Data(io.BytesIO(row.meta_data)).load()) for row in connection.execute(pickled)
    )
    changes = [
        {"location": number, "text": None if data is None else json.dumps(data)}
        for number, data in found
        if data != {}
    ]

    if connection.dialect.name == "sqlite":
        rebuild(
            connection,
            "image_locations",
            "id INTEGER NOT NULL PRIMARY KEY, image_id VARCHAR(36) NOT NULL, value TEXT NOT NULL, "
            "created_at DATETIME NOT NULL, updated_at DATETIME, deleted_at DATETIME, "
            "deleted BOOLEAN NOT NULL, meta_data TEXT",
            "FOREIGN KEY (image_id) REFERENCES images (id)",
            "CHECK (deleted IN (0, 1))",
        )
        for name in ("deleted", "image_id"):
            connection.exec_driver_sql(
                f"CREATE INDEX ix_image_locations_{name} ON image_locations ({name})"
            )
    else:
        for change in ("DROP COLUMN meta_data", "ADD COLUMN meta_data TEXT"):
            connection.exec_driver_sql(f"ALTER TABLE image_locations {change}")

    new = sa.table("image_locations", sa.column("id"), sa.column("meta_data", sa.Text))
    connection.execute(new.update().values(meta_data="{}"))
    if changes:
        change = new.update().where(new.c.id == sa.bindparam("location"))
        connection.execute(change.values(meta_data=sa.bindparam("text")), changes)


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
