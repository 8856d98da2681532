#!/usr/bin/env bash
# Alembic 1.20.1 with SQLAlchemy 2.1.9, its own generic env.py, SQLite.
# A revision that commits on the connection it is given (op.get_bind().commit()) seems to succeed:
# `alembic upgrade head` prints "Running upgrade  -> one" and exits with 0. But its version row, and
# every row that it writes after the commit, are rolled back when the connection is closed: Alembic
# holds the transaction that the script has ended, and nobody commits the one that began after it.
# So `alembic current` prints nothing, and the next `alembic upgrade head` runs the revision again.
# Seen: exit 0, no revision, 0 rows; then exit 1 with "table t already exists".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check alembic==1.20.1 sqlalchemy==2.1.9
export PATH="$folder/venv/bin:$PATH"
alembic --quiet init -t generic scripts
sed -i 's|^sqlalchemy.url = .*|sqlalchemy.url = sqlite:///file.db|' alembic.ini
cat > scripts/versions/one.py <<'PYTHON'
from alembic import op
revision, down_revision = "one", None
def upgrade():
    op.execute("CREATE TABLE t (id INTEGER)")
    op.get_bind().commit()
    op.execute("INSERT INTO t VALUES (1)")
PYTHON
status=0; alembic upgrade head 2>first || status=$?
grep "Running upgrade" first
current=$(alembic current 2>/dev/null)
rows=$(python3 -c "import sqlite3; print(sqlite3.connect('file.db').execute('SELECT count(*) FROM t').fetchone()[0])")
again=0; alembic upgrade head 2>second || again=$?
echo "first run: exit $status; revision: '${current}'; rows: $rows; second run: exit $again"
grep -o "table t already exists" second | head -1
[ "$status/$current/$rows" = "0//0" ] && [ "$again" != 0 ]
