"""What differs between databases in a script that makes their tables."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DialectTraits:
    """What a kind of database needs in a script, or does by itself.

    :param names: what SQLAlchemy calls it: options and variants are given for each name.
    :param serial_types: a column counts by its type, and has a sequence.
    :param counts_by_itself: an integer that is the primary key counts in any case.
    :param names_keys: a primary key has a name.
    :param usual_names: a constraint without a name gets one that is known before.
    :param names_indexes: an index without a name gets that of its first column.
    :param unique_indexes: a unique constraint is an index.
    :param prefixes: an index may be on the first characters of a text.
    :param index_methods: those that are a word before INDEX; None where all are USING.
    :param table_options: a table has a character set and an engine.
    :param calls_routines: a table may call a routine, which is made before it.
    :param keys_to_later_tables: a foreign key may be to a table that is made later.
    :param drops_late_keys: such keys are dropped before their tables.
    :param keys_off: what lets tables be dropped in any order, and what takes it back.
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
    """Return the traits of a dialect, as frozen histories call it."""
    return _TRAITS[dialect]
