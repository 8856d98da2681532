"""Scripts of Python 2 are named as such."""

from __future__ import annotations

from support.databases import Database
from support.legacy_projects import LEGACY_SIDE, LegacyProject, script

pytestmark = LEGACY_SIDE


PYTHON_2 = {
    'print "hello"': 'print "hello"',
    'if True: print "hello"': 'if True: print "hello"',
    "print migrate_engine.name": "print migrate_engine.name",
    'exec "x = 1"': 'exec "x = 1"',
    "try:\n    pass\nexcept Exception, e:\n    pass": "except Exception, e:",
    "try:\n    pass\nexcept (OSError, KeyError), e:\n    pass": "except (OSError, KeyError), e:",
    'raise ValueError, "no"': 'raise ValueError, "no"',
    "x = `migrate_engine`": "x = `migrate_engine`",
    "x = 1 <> 2": "x = 1 <> 2",
    "import os\nos.chmod('x', 0777)": "os.chmod('x', 0777)",
    "x = 10L": "x = 10L",
    "x = ur'a'": "x = ur'a'",
    "f = lambda (a, b): a": "f = lambda (a, b): a",
    "def f(x, (a, b)):\n    pass": "def f(x, (a, b)):",
    "if True:\n        x = 1\n\tx = 2": "x = 2",
    "for k in {}.iteritems():\n    pass": "it calls iteritems()",
    "x = unicode(1)": "it uses unicode",
    "with migrate_engine.connect() as c:\n    x = [long(1) for _ in 'ab']": "it uses long",
    "import sys\nprint >>sys.stderr, 'x'": "it prints with print >>",
    "def inner():\n    return xrange(3)\ninner()": "it uses xrange",
    "import ConfigParser": "its upgrade() cannot import ConfigParser: "
    "it is Python 2: it imports ConfigParser",
}


def test_python_2_is_named_with_file_and_line(
    project: LegacyProject, sqlite_database: Database
) -> None:
    bodies = {f"{number:03}_old": body for number, body in enumerate(PYTHON_2, 1)}
    tops = {
        "022_module.py": script("pass", "import cPickle\n"),
        "023_name.py": script("pass", "names = [unicode('a')]\n"),
        "024_attribute.py": script("pass", "names = {}.has_key('a')\n"),
        "025_moved.py": script("pass", "from itertools import izip\n"),
    }
    project.repository({**bodies, **tops})
    found = project.problems(sqlite_database)
    expected = [what.removeprefix("its upgrade") for what in PYTHON_2.values()]
    for line, (name, what) in zip(found, zip(bodies, expected, strict=True), strict=False):
        assert line.startswith(f"{name}.py, line "), line
        assert line.endswith(f"it is Python 2: {what}") or "cannot import ConfigParser" in what, (
            line
        )
    assert found[len(bodies) :] == [
        "022_module.py, line 1: it is Python 2: it imports cPickle",
        "023_name.py, line 1: NameError: name 'unicode' is not defined (it is Python 2)",
        "024_attribute.py, line 1: AttributeError: 'dict' object has no attribute 'has_key' "
        "(it is Python 2)",
        "025_moved.py, line 1: " + next(x for x in found if x.startswith("025")).partition(": ")[2],
    ]
    assert found[-1].endswith("(it is Python 2)")
    assert len(found) == len(bodies) + len(tops)
