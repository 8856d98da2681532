"""The differences between databases in a script that creates their tables."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DialectTraits:
    """The traits of a kind of database that a script depends on.

    :param names: its names in SQLAlchemy; options and variants are given for each of them.
    :param serial_types: a column counts by its type, and has a sequence.
    :param counts_by_itself: an integer primary key always counts.
    :param names_keys: a primary key has a name.
    :param usual_names: the default name of a constraint is predictable.
    :param names_indexes: the default name of an index is that of its first column.
    :param unique_indexes: a unique constraint is an index.
    :param prefixes: an index may be on the first characters of a text.
    :param index_methods: the methods that are a keyword before INDEX; None where all follow USING.
    :param table_options: a table has a character set and an engine.
    :param calls_routines: a table may call a routine, which is created before it.
    :param keys_to_later_tables: a foreign key may refer to a table that is created later.
    :param drops_late_keys: such keys are dropped before their tables.
    :param keys_off: the statements that allow and forbid drops in any order.
    """

    names: tuple[str, ...]
    serial_types: bool = False
    counts_by_itself: bool = False
    names_keys: bool = True
    usual_names: bool = False
    names_indexes: bool = False
    unique_indexes: bool = False
    prefixes: bool = False
    index_methods: tuple[str, ...] | None = None
    table_options: bool = False
    calls_routines: bool = False
    keys_to_later_tables: bool = False
    drops_late_keys: bool = False
    keys_off: tuple[str, str] | None = None


_TRAITS = {
    "sqlite": DialectTraits(("sqlite",), counts_by_itself=True, keys_to_later_tables=True),
    "postgresql": DialectTraits(
        ("postgresql",),
        serial_types=True,
        usual_names=True,
        calls_routines=True,
        drops_late_keys=True,
    ),
    "mysql": DialectTraits(
        ("mysql", "mariadb"),
        names_keys=False,
        names_indexes=True,
        unique_indexes=True,
        prefixes=True,
        index_methods=("fulltext", "spatial"),
        table_options=True,
        keys_off=("SET foreign_key_checks = 0", "SET foreign_key_checks = 1"),
    ),
}


def traits_of(dialect: str) -> DialectTraits:
    """Return the traits of a dialect, by its name in frozen histories."""
    return _TRAITS[dialect]
