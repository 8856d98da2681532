"""What only looks as if it could not run."""

from __future__ import annotations

from support.databases import Database
from support.legacy_projects import BASE, CREATE_NOTES, LEGACY_SIDE, LegacyProject, script, versions

pytestmark = LEGACY_SIDE


LOOKS_LIKE_PYTHON_2 = {
    "six": "import six\nfor k, v in six.iteritems({1: 2}):\n    pass",
    "name_error": "try:\n    unicode\nexcept NameError:\n    unicode = str\nunicode(1)",
    "string": "x = 'print \"hello\" <> `0777`'",
    "condition": "if six_is_old:\n    import gone_library\n    unicode(1)",
    "expression": "x = 1 if True else xrange(1)",
    "return": "if migrate_engine.name != 'oracle':\n    return\nimport gone_library\nunicode(1)",
    "try": "try:\n    import gone_library\nexcept ImportError:\n    gone_library = None",
    "loop": "for x in (1, 2):\n    if x:\n        continue\n    unicode(x)",
    "while": "while False:\n    unicode(1)",
    "inner": "def old():\n    return unicode(1)\nfunctions = [old]",
    "lambda": "f = lambda x: unicode(x)",
    "or": "x = str or unicode",
    "own_path": "import sys, os\nsys.path.append(os.path.dirname(__file__) + '/more')\nimport deep",
    "own_module": "import sys\nsys.modules['stub'] = sys\nimport stub",
}


def test_what_only_looks_like_python_2_or_a_missing_import_is_not_refused(
    project: LegacyProject, sqlite_database: Database
) -> None:
    head = "six_is_old = False\n"
    scripts: dict[str, str | bytes] = {
        f"{number:03}_{name}.py": script(body, head)
        for number, (name, body) in enumerate(LOOKS_LIKE_PYTHON_2.items(), 1)
    }
    unreached = (
        "\n\ndef downgrade(migrate_engine):\n    import gone_library\n    unicode(xrange(1))\n"
    )
    scripts |= {
        "101_downgrade.py": script("pass") + unreached,
        "102_alias.py": script("unicode(1)", "from builtins import str as unicode\n"),
        "103_star.py": script("xrange(1)", "from compat import *\n"),
        "104_builtin.py": script(
            "basestring", "import builtins\nif True:\n    setattr(builtins, 'basestring', str)\n"
        ),
        "105_done": CREATE_NOTES,
        "compat.py": "xrange = range\n",
        "more/deep.py": "",
    }
    project.repository(scripts)
    project.tables["app"]["stamp"] = {105: [BASE]}
    # Versions 15 to 100 are not there: the history has timestamps for numbers, as it were.
    (project.root / "legacy/app/migrate.cfg").write_text(
        "[db_settings]\nrepository_id = app\nversion_table = migrate_version\n"
        "use_timestamp_numbering = True\n"
    )
    project.update(sqlite_database)
    assert versions(sqlite_database) == {"app": 105}
