"""Names of metadata are unique, and their constraints have the same names everywhere."""

import sqlalchemy as sa

NAMESPACES, RESOURCE_TYPES = "metadef_namespaces", "metadef_resource_types"
# What is unique in each; the unique constraint has both in its name.
UNIQUE = {
    NAMESPACES: ("namespace",),
    "metadef_objects": ("namespace_id", "name"),
    "metadef_properties": ("namespace_id", "name"),
    "metadef_tags": ("namespace_id", "name"),
    RESOURCE_TYPES: ("name",),
}
IN_NAMESPACES = [table for table, key in UNIQUE.items() if "namespace_id" in key]
# That of tags had this name on every database.
OLD_KEY = "{}_namespace_id_fkey"
OLD_KEYS_ON_MYSQL = {
    "metadef_objects": "metadef_objects_ibfk_1",
    "metadef_properties": "metadef_properties_ibfk_1",
}


def upgrade(connection):
    """What version 42 does."""
    for table, key in UNIQUE.items():
        rename_duplicates(connection, table, key)
    if connection.dialect.name == "sqlite":
        rebuild_all(connection)
    else:
        change(connection)
    both = "ix_metadef_ns_res_types_res_type_id_ns_id"
    drop_index(connection, both, "metadef_namespace_resource_types")


def rename_duplicates(connection, name, key):
    """The first one keeps its name; the others get their number behind it."""
    shown = [*key, "display_name"] if name == NAMESPACES else [*key]
    table = sa.table(name, sa.column("id"), *map(sa.column, shown))
    columns = [table.c[column] for column in key]
    several = sa.select(sa.func.min(table.c.id), *columns).group_by(*columns)
    for first, *values in connection.execute(several.having(sa.func.count() > 1)).all():
        number = sa.cast(table.c.id, sa.String(20))
        new = sa.literal(f"{values[-1]}-DUPL-", sa.String) + number
        same = (column == value for column, value in zip(columns, values, strict=True))
        others = table.update().where(table.c.id > first, *same)
        connection.execute(others.values({c: new for c in shown if c != "namespace_id"}))


def change(connection):
    """On databases that can: the keys get new names, the indexes become constraints."""
    on_mysql = connection.dialect.name != "postgresql"
    for table, key in UNIQUE.items():
        unique = f"ADD CONSTRAINT uq_{table}_{'_'.join(key)} UNIQUE ({', '.join(key)})"
        if table not in IN_NAMESPACES:
            drop_index(connection, f"ix_{table}_{key[0]}", table)
            connection.exec_driver_sql(f"ALTER TABLE {table} {unique}")
            continue
        old = OLD_KEYS_ON_MYSQL.get(table) if on_mysql else None
        drop = "DROP FOREIGN KEY" if on_mysql else "DROP CONSTRAINT"
        connection.exec_driver_sql(f"ALTER TABLE {table} {drop} {old or OLD_KEY.format(table)}")
        drop_index(connection, f"ix_{table}_namespace_id", table)
        connection.exec_driver_sql(
            f"ALTER TABLE {table} {unique}, ADD CONSTRAINT {table}_fk_1 "
            f"FOREIGN KEY (namespace_id) REFERENCES {NAMESPACES} (id)"
        )


def drop_index(connection, name, table):
    """An index that the constraints make needless goes."""
    of_table = "" if connection.dialect.name in ("sqlite", "postgresql") else f" ON {table}"
    connection.exec_driver_sql(f"DROP INDEX {name}{of_table}")


def rebuild_all(connection):
    """On SQLite constraints cannot be changed."""
    name, json_schema = "name VARCHAR(80) NOT NULL", "json_schema TEXT NOT NULL"
    columns = {
        NAMESPACES: "namespace VARCHAR(80) NOT NULL, display_name VARCHAR(80), description TEXT, "
        "visibility VARCHAR(32), protected BOOLEAN, owner VARCHAR(255) NOT NULL",
        "metadef_objects": f"{name}, description TEXT, required TEXT, {json_schema}",
        "metadef_properties": f"{name}, {json_schema}",
        "metadef_tags": name,
        RESOURCE_TYPES: f"{name}, protected BOOLEAN NOT NULL",
    }
    for table, own in columns.items():
        key = f"CONSTRAINT uq_{table}_{'_'.join(UNIQUE[table])} UNIQUE ({', '.join(UNIQUE[table])})"
        begin, constraints = "id INTEGER NOT NULL PRIMARY KEY", [key]
        if table in IN_NAMESPACES:
            begin += ", namespace_id INTEGER NOT NULL"
            constraints.append(
                f"CONSTRAINT {table}_fk_1 FOREIGN KEY (namespace_id) REFERENCES {NAMESPACES} (id)"
            )
        times = "created_at DATETIME NOT NULL, updated_at DATETIME"
        rebuild(connection, table, f"{begin}, {own}, {times}", *constraints)
    for table, column in ((NAMESPACES, "owner"), *((table, "name") for table in IN_NAMESPACES)):
        connection.exec_driver_sql(f"CREATE INDEX ix_{table}_{column} ON {table} ({column})")


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
