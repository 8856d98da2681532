"""What a task was given and has brought moves into a table of its own."""

import sqlalchemy as sa

MOVED = ("input", "result", "message")
INDEXED = ("deleted", "owner", "status", "type", "updated_at")


def upgrade(connection):
    """What version 32 does."""
    on_mysql = connection.dialect.name not in ("sqlite", "postgresql")
    connection.exec_driver_sql(
        "CREATE TABLE task_info (task_id VARCHAR(36) NOT NULL PRIMARY KEY, "
        f"{', '.join(f'{name} TEXT' for name in MOVED)}, "
        "FOREIGN KEY (task_id) REFERENCES tasks (id))"
        f"{' ENGINE=InnoDB CHARSET=utf8' if on_mysql else ''}"
    )
    old = sa.table("tasks", *map(sa.column, ("id", *MOVED)))
    new = sa.table("task_info", *map(sa.column, ("task_id", *MOVED)))
    connection.execute(new.insert().from_select(("task_id", *MOVED), sa.select(old)))
    if connection.dialect.name == "sqlite":
        rebuild(
            connection,
            "tasks",
            "id VARCHAR(36) NOT NULL PRIMARY KEY, type VARCHAR(30) NOT NULL, "
            "status VARCHAR(30) NOT NULL, owner VARCHAR(255) NOT NULL, expires_at DATETIME, "
            "created_at DATETIME NOT NULL, updated_at DATETIME, deleted_at DATETIME, "
            "deleted BOOLEAN NOT NULL",
            "CHECK (deleted IN (0, 1))",
        )
        for name in INDEXED:
            connection.exec_driver_sql(f"CREATE INDEX ix_tasks_{name} ON tasks ({name})")
        return
    drops = ", ".join(f"DROP COLUMN {name}" for name in MOVED)
    connection.exec_driver_sql(f"ALTER TABLE tasks {drops}")


def rebuild(connection, name, columns, *constraints):
    """Make a table anew without what SQLite, in old releases, cannot drop."""
    names = ", ".join(column.split()[0] for column in columns.split(", "))
    for statement in (
        f"CREATE TABLE new_{name} ({', '.join((columns, *constraints))})",
        f"INSERT INTO new_{name} ({names}) SELECT {names} FROM {name}",
        f"DROP TABLE {name}",
        f"ALTER TABLE new_{name} RENAME TO {name}",
    ):
        connection.exec_driver_sql(statement)
