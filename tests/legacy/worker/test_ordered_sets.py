"""The same order in each process."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest
import sqlalchemy as sa

from bridge.legacy.worker import ordered_sets


@pytest.mark.skipif(not sa.__version__.startswith("1.4"), reason="what legacy scripts run on")
def test_sets_of_a_table_are_in_order() -> None:
    code = """
        import importlib.util, sys
        spec = importlib.util.spec_from_file_location("ordered_sets", sys.argv[1])
        ordered_sets = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(ordered_sets)
        ordered_sets.order_sets()
        import sqlalchemy as sa
        names = [f"c{n}" for n in range(40)]
        t = sa.Table("t", sa.MetaData(), *(sa.Column(n, sa.Integer, index=True) for n in names))
        assert [i.name for i in t.indexes] == [f"ix_t_{n}" for n in names]
        t.constraints = set(t.constraints) | {sa.UniqueConstraint(name=n) for n in names}
        t.constraints.remove(t.primary_key)
        assert [c.name for c in t.constraints] == names
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code), ordered_sets.__file__],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
