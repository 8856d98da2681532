"""Runs sqlalchemy-migrate's scripts in the legacy runtime: one self-contained file.

The only file that imports `migrate`; it imports nothing of bridge, because the legacy runtime
does not have it. Started as a child process. Protocol, one JSON object a line:

    in   the request: {"url", "pythonpath", "repositories": {NAME: {"path", "version_table",
         "row_id", "version", "setup"}}, "steps": [[NAME, VERSION], ...]}
    out  {"event": "loaded", "scripts": N}   or   {"event": "problems", "problems": [...]}
    in   {"run": [NAME, VERSION]}, once for each version, in the order of the steps
    out  {"event": "begin", "script"}, {"event": "statement", "number", "sql"} for each write,
         then {"event": "end", "statements", "seconds"} or {"event": "error", ...}

The request comes on standard input, so that the URL is in no argument list and no environment.
When standard input ends, the parent is gone or done: the process ends at once.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import json
import os
import queue
import re
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from typing import Any

READS = re.compile(r"\s*(SELECT|PRAGMA|SHOW|DESCRIBE|DESC|EXPLAIN)\b", re.IGNORECASE)
PYTHON_2_LINES = re.compile(
    r"^\s*print\s+[^(=\s]|\bexcept\s+[^:]+,\s*\w+\s*:|^\s*raise\s+[\w.]+\s*,|<>|`|^\s*exec\s+['\"\w]"
    r"|\b0[0-7]+\b|\b\d+L\b|\bur['\"]"
)
PYTHON_2_NAMES = {
    "basestring", "execfile", "long", "raw_input", "reload", "unichr", "unicode", "xrange",
}  # fmt: skip
PYTHON_2_METHODS = {"iteritems", "itervalues", "iterkeys"}


class Channel:
    """The protocol's two streams, kept apart from what scripts print and read."""

    def __init__(self) -> None:
        self.busy = False
        self.requests: queue.Queue[dict[str, Any] | None] = queue.Queue()
        # Scripts print to standard output and read standard input: give them other ones.
        self.output = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
        self.input = os.fdopen(os.dup(0), "r", encoding="utf-8")
        os.dup2(2, 1)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in self.input:
            self.requests.put(json.loads(line))
        if self.busy:
            os._exit(3)  # the parent was killed: write nothing more
        self.requests.put(None)

    def receive(self) -> dict[str, Any] | None:
        self.busy = False
        request = self.requests.get()
        self.busy = True
        return request

    def send(self, event: str, **values: Any) -> None:
        self.output.write(json.dumps({"event": event, **values}) + "\n")
        self.output.flush()


# --- preflight: everything that can be found out without running ---------------------------


class Problem(Exception):  # noqa: N818 (a finding, not a failure)
    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


def load_script(version: Any, dialect: str) -> Any:
    """The script that sqlalchemy-migrate would choose, loaded; a `Problem` where it cannot be."""
    try:
        script = version.script(dialect, "upgrade")
    except AssertionError:
        raise Problem("there is no upgrade script for this database") from None
    if not script.path.endswith(".py"):
        try:
            script.source()
        except (OSError, UnicodeDecodeError) as error:
            raise Problem(f"the file cannot be read: {error}") from None
        return script
    tree = parse_script(script.path)
    # Two repositories may have a script of the same name, and load_module would run the second
    # in the first one's module.
    sys.modules.pop(os.path.splitext(os.path.basename(script.path))[0], None)
    try:
        module = script.module
    except (Exception, SystemExit) as error:
        raise Problem(why_not_loaded(error), line_in(error, script.path)) from None
    if not inspect.getfullargspec(module.upgrade)[0]:
        raise Problem("its upgrade() takes no engine")
    check_lazy(tree)
    return script


def parse_script(path: str) -> ast.Module:
    try:
        with open(path, "rb") as stream:
            source = stream.read()
        return ast.parse(source, path)
    except OSError as error:
        raise Problem(f"the file cannot be read: {error}") from None
    except (SyntaxError, ValueError) as error:
        number = getattr(error, "lineno", None)
        lines = source.decode("utf-8", "replace").splitlines()
        shown = lines[number - 1] if number and number <= len(lines) else ""
        if PYTHON_2_LINES.search(shown) or isinstance(error, TabError):
            raise Problem(f"it is Python 2: {shown.strip()}", number) from None
        raise Problem(f"it is not valid Python 3: {error}", number) from None


def why_not_loaded(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"it imports {error.name}, which the legacy runtime does not have"
    if type(error).__name__ == "InvalidScriptError":
        return "it has no function upgrade()"
    return describe(error)


def check_lazy(tree: ast.Module) -> None:
    """What upgrade() will meet only when it runs: imports inside it, and names of Python 2.

    Only what runs in any case counts: not what stands below an `if` or a `try`.
    """
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    bound = {name for node in ast.walk(tree) for name in names_bound_by(node)}
    waiting, seen = ["upgrade"], set()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in functions:
            continue
        seen.add(name)
        for node in unconditional(functions[name].body):
            if isinstance(node, ast.Name) and node.id in functions:
                waiting.append(node.id)
            check_node(node, bound)


def unconditional(body: list[ast.stmt]) -> Iterator[ast.AST]:
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.If, ast.Try, ast.While, ast.IfExp, ast.BoolOp, ast.Lambda)):
            continue
        yield node
        waiting.extend(ast.iter_child_nodes(node))


def names_bound_by(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        for alias in node.names:
            yield (alias.asname or alias.name).partition(".")[0]
    elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, ast.arg):
        yield node.arg


def check_node(node: ast.AST, bound: set[str]) -> None:
    if isinstance(node, ast.Import):
        for alias in node.names:
            check_import(alias.name, None, node.lineno)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        for alias in node.names:
            check_import(node.module, alias.name, node.lineno)
    elif isinstance(node, ast.Name) and node.id in PYTHON_2_NAMES - bound:
        if isinstance(node.ctx, ast.Load):
            raise Problem(f"it is Python 2: it uses {node.id}", node.lineno)
    elif (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in PYTHON_2_METHODS
        and not node.args
        and not node.keywords
    ):
        raise Problem(f"it is Python 2: it calls {node.func.attr}()", node.lineno)


def check_import(name: str, attribute: str | None, line: int) -> None:
    try:
        module = importlib.import_module(name)
        if attribute not in (None, "*") and not hasattr(module, attribute):
            importlib.import_module(f"{name}.{attribute}")
    except (Exception, SystemExit) as error:
        raise Problem(
            f"its upgrade() cannot import {name}: {why_not_loaded(error)}", line
        ) from None


# --- telling what went wrong ----------------------------------------------------------------


def describe(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        if isinstance(error.code, str):
            return error.code
        return f"it ended the program with status {error.code}"
    original = getattr(error, "orig", None)
    if original is not None:
        return f"{type(original).__name__}: {original}"
    return f"{type(error).__name__}: {error}"


def line_in(error: BaseException, path: str) -> int | None:
    if isinstance(error, SyntaxError) and error.filename == path:
        return error.lineno
    frames = [f for f in traceback.extract_tb(error.__traceback__) if same(f.filename, path)]
    return frames[-1].lineno if frames else None


def same(one: str, other: str) -> bool:
    return os.path.abspath(one) == os.path.abspath(other)


# --- running --------------------------------------------------------------------------------


class Worker:
    def __init__(self, channel: Channel, request: dict[str, Any]) -> None:
        self.channel = channel
        self.request = request
        self.versions = {name: spec["version"] for name, spec in request["repositories"].items()}
        self.scripts: dict[tuple[str, int], Any] = {}
        self.statements = 0
        self.written = 0
        self.sql: str | None = None

    def load(self) -> list[dict[str, Any]]:
        """Load every script of the request; the problems of all of them together."""
        import sqlalchemy
        from migrate.versioning.repository import Repository
        from sqlalchemy import event
        from sqlalchemy.engine import Engine

        problems: list[dict[str, Any]] = []
        for folder in reversed(self.request["pythonpath"]):
            sys.path.insert(0, folder)
        try:
            self.engine = sqlalchemy.create_engine(self.request["url"])
        except Exception as error:
            return [{"message": f"the legacy runtime cannot open the database: {describe(error)}"}]
        # On the class: scripts open engines of their own.
        event.listen(Engine, "before_cursor_execute", self.before_statement)
        event.listen(Engine, "after_cursor_execute", self.after_statement)
        repositories = {}
        for name, spec in self.request["repositories"].items():
            try:
                if spec.get("setup"):
                    module, _, attribute = spec["setup"].partition(":")
                    getattr(importlib.import_module(module), attribute)(self.engine)
                repositories[name] = Repository(spec["path"])
            except (Exception, SystemExit) as error:
                traceback.print_exc()
                what = f"setup {spec['setup']}: " if spec.get("setup") else ""
                problems.append({"repository": name, "message": what + why_not_loaded(error)})
        for name, number in self.request["steps"]:
            if name not in repositories:
                continue
            version = repositories[name].version(number)
            try:
                self.scripts[name, number] = load_script(version, self.engine.name)
            except Problem as problem:
                path = script_path(version, self.engine.name)
                problems.append({
                    "repository": name, "version": number, "script": path,
                    "line": problem.line, "message": str(problem),
                })  # fmt: skip
        return problems

    def before_statement(
        self, _c: Any, _cursor: Any, statement: str, _parameters: Any, _context: Any, _many: bool
    ) -> None:
        self.sql = statement
        if not READS.match(statement):
            self.statements += 1
            self.channel.send("statement", number=self.statements, sql=statement[:2000])

    def after_statement(
        self, _c: Any, _cursor: Any, statement: str, _parameters: Any, _context: Any, _many: bool
    ) -> None:
        if not READS.match(statement):
            self.written += 1

    def run(self, name: str, number: int) -> None:
        script = self.scripts[name, number]
        self.statements, self.written, self.sql = 0, 0, None
        self.channel.send("begin", script=script.path)
        begun = time.monotonic()
        try:
            script.run(self.engine, 1)
        except (Exception, SystemExit) as error:
            traceback.print_exc()
            self.channel.send(
                "error",
                script=script.path,
                line=line_in(error, script.path),
                sql=getattr(error, "statement", None),
                message=describe(error),
                written=self.written,
            )
            return
        statements = self.statements
        try:
            self.write_version(name, number)
        except Exception as error:
            traceback.print_exc()
            self.channel.send(
                "error", script=script.path, line=None, sql=self.sql, message=describe(error),
                written=self.written,
            )  # fmt: skip
            return
        self.versions[name] = number
        seconds = time.monotonic() - begun
        self.channel.send("end", statements=statements, seconds=seconds)

    def write_version(self, name: str, number: int) -> None:
        """As sqlalchemy-migrate does, but by the id in the row, which may be an older name."""
        import sqlalchemy

        spec = self.request["repositories"][name]
        table = sqlalchemy.table(
            spec["version_table"],
            sqlalchemy.column("repository_id"),
            sqlalchemy.column("version"),
        )
        update = (
            table.update()
            .where(table.c.repository_id == spec["row_id"])
            .where(table.c.version == self.versions[name])
            .values(version=number)
        )
        with self.engine.begin() as connection:
            if connection.execute(update).rowcount != 1:
                raise RuntimeError(
                    f"the version row {spec['row_id']!r} is not at {self.versions[name]} any more"
                )


def script_path(version: Any, dialect: str) -> str | None:
    """The script's path for a message, also when it cannot be loaded."""
    try:
        path: str = version.script(dialect, "upgrade").path
    except AssertionError:
        return None
    return path


def main() -> None:
    here = os.path.dirname(os.path.abspath(__file__))
    # This file's folder has modules of common names; a script that imports one of these
    # names means its own.
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]
    channel = Channel()
    request = channel.receive()
    if request is None:
        return
    worker = Worker(channel, request)
    try:
        problems = worker.load()
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        problems = [{"message": f"sqlalchemy-migrate cannot be used: {describe(error)}"}]
    if problems:
        channel.send("problems", problems=problems)
        return
    channel.send("loaded", scripts=len(worker.scripts))
    while True:
        command = channel.receive()
        if command is None:
            worker.engine.dispose()
            return
        worker.run(*command["run"])


if __name__ == "__main__":
    main()
