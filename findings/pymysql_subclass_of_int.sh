#!/usr/bin/env bash
# PyMySQL 1.2.4, pure Python; no server is needed, the text is what it would send.
# A parameter of a class that inherits from int (IntEnum, a numeric type of one's own) is sent as a
# string: encoders are looked up by the exact type, and what has none is escaped as text. bool has an
# encoder of its own. So "LIMIT %s" becomes LIMIT '7', which MySQL and MariaDB refuse as SQL (1064),
# and SELECT %s gives back a str, while sqlite3 takes the same object as the number that it is.
# Seen: int 7; IntEnum '7'; a subclass '7'; bool 1; sqlite3 integer.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pymysql==1.2.4
venv/bin/python - <<'PYTHON'
import enum
import sqlite3

import pymysql
from pymysql.converters import escape_item


class Size(int):
    pass


class Level(enum.IntEnum):
    HIGH = 7


found = {type(v).__name__: escape_item(v, "utf8mb4") for v in (7, Level.HIGH, Size(7), True)}
kind = sqlite3.connect(":memory:").execute("SELECT typeof(?)", (Size(7),)).fetchone()[0]
print(pymysql.VERSION_STRING, found, "sqlite3:", kind)
assert found == {"int": "7", "Level": "'7'", "Size": "'7'", "bool": "1"}, found
assert kind == "integer", kind
PYTHON
