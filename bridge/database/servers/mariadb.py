"""MariaDB: a MySQL of its own."""

from __future__ import annotations

from bridge.database.servers.mysql import MySQL


class MariaDB(MySQL):
    """A MariaDB server. Its frozen histories, snapshots and backups are still called MySQL's."""

    name = "mariadb"
    label = "MariaDB"

    checks_sql = (
        "SELECT TABLE_NAME, CONSTRAINT_NAME, CHECK_CLAUSE "
        "FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = DATABASE()"
    )
    checks_quote = "'"
    checks_since = ()

    client = "mariadb --binary-mode DATABASE < SCRIPT"
