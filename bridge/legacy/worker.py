"""Runs old histories in the legacy runtime: one self-contained file.

They are sqlalchemy-migrate's scripts, or a registry: a dictionary from numbers to functions that
take a session, as MediaGoblin's.

The only file that imports `migrate`; it imports nothing of bridge, because the legacy runtime
does not have it. Started as a child process. Protocol, one JSON object a line:

    in   the request: {"urls": [URL, ...], "pythonpath", "repositories": {NAME: {"path" or
         "registry" (the other is null), "version_table", "id_column", "version_column",
         "path_column" (may be null), "row_id", "version", "setup"}},
         "steps": [[NAME, VERSION], ...]}; the first of the URLs whose driver is here is taken
    out  {"event": "loading", "script"} for each script, then {"event": "loaded", "scripts": N}
         or {"event": "problems", "problems": [...]}
    in   {"run": [NAME, VERSION]}, once for each version, in the order of the steps
    out  {"event": "begin", "script"}, {"event": "statement", "number", "sql"} for each write,
         then {"event": "end", "statements", "seconds"} or {"event": "error", ...}

The request comes on standard input, so that the URL is in no argument list and no environment.
When standard input ends, the parent is gone or done: the process ends at once. Keep to what
Python 3.7 has: `legacy_python` may be as old as the app.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import importlib
import importlib.util
import inspect
import json
import locale
import os
import queue
import re
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

READS = re.compile(r"\s*(SELECT|PRAGMA|SHOW|DESCRIBE|DESC|EXPLAIN)\b", re.IGNORECASE)
# A dialect's name before SQLAlchemy 0.6, which the names of old .sql files still have.
OLD_DIALECTS = {"postgresql": "postgres"}

PYTHON_2_LINES = re.compile(
    r"(^|[:;])\s*print\s+[^(=\s]|\bexcept\s+[^:]+,\s*\w+\s*:|^\s*raise\s+[\w.]+\s*,|<>|`"
    r"|^\s*exec\s+['\"\w]|\b\d+L\b|\bur['\"]|\blambda\s*\(|\bdef\s+\w+\s*\([^)]*\(\s*\w+\s*,"
)
PYTHON_2_COMPLAINTS = (
    "Missing parentheses in call",
    "exception types must be parenthesized",
    "leading zeros in decimal integer",
)
PYTHON_2_NAMES = {
    "basestring", "execfile", "long", "raw_input", "reload", "unichr", "unicode", "xrange",
}  # fmt: skip
PYTHON_2_METHODS = {"iteritems", "itervalues", "iterkeys"}
PYTHON_2_ATTRIBUTES = {
    *PYTHON_2_METHODS, "has_key", "ifilter", "imap", "izip", "getcwdu", "letters", "maxint",
}  # fmt: skip
PYTHON_2_MODULES = {
    "BaseHTTPServer", "ConfigParser", "Cookie", "HTMLParser", "Queue", "SocketServer", "StringIO",
    "__builtin__", "anydbm", "cPickle", "cStringIO", "commands", "cookielib", "copy_reg",
    "exceptions", "httplib", "md5", "sets", "sha", "thread", "urllib2", "urlparse", "xmlrpclib",
}  # fmt: skip
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
# What changes where imports are found, so that only running tells what they find.
IMPORT_MAGIC = {("sys", "path"), ("sys", "modules"), ("os", "environ"), ("os", "chdir")}


class Channel:
    """The protocol's two streams, kept apart from what scripts print and read."""

    def __init__(self) -> None:
        # Requests that came in, were received, are dealt with; each is written by one thread.
        self.taken = self.received = self.done = 0
        self.requests: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.lock = threading.Lock()
        # Scripts print to standard output and read standard input: give them other ones.
        self.output = os.fdopen(os.dup(1), "w", encoding="utf-8")
        self.input = os.fdopen(os.dup(0), "r", encoding="utf-8")
        os.dup2(2, 1)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        for stream in (sys.stdout, sys.stderr):
            # No script fails for a letter that the locale lacks; nothing is lost in a crash.
            stream.reconfigure(  # type: ignore[union-attr]
                encoding="utf-8", errors="backslashreplace", line_buffering=True
            )
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in self.input:
            self.taken += 1
            self.requests.put(json.loads(line))
        if self.taken > self.done:
            end_at_once()  # the parent was killed: write nothing more
        self.requests.put(None)

    def receive(self) -> dict[str, Any] | None:
        """The next request; None when there will be none. Those before it are dealt with."""
        self.done = self.received
        request = self.requests.get()
        self.received += 1
        return request

    def send(self, event: str, **values: Any) -> None:
        with self.lock:  # scripts start threads
            self.output.write(json.dumps({"event": event, **values}) + "\n")
            self.output.flush()


def end_at_once() -> None:
    """End, and what scripts started with us, without another statement."""
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(3)


# --- preflight: everything that can be found out without running ---------------------------


class Problem(Exception):  # noqa: N818 (a finding, not a failure)
    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


def choose_script(version: Any, dialect: str) -> Any:
    """The script that sqlalchemy-migrate would choose for this database."""
    try:
        return version.script(dialect, "upgrade")
    except AssertionError:
        older = version.sql.get(OLD_DIALECTS.get(dialect), {}).get("upgrade")
        if older is None:
            raise Problem(f"there is no upgrade script for {dialect}") from None
        return older


def load_script(script: Any) -> None:
    """Load the script, as far as that can be done without running it.

    :raises Problem: it cannot be loaded or cannot run.
    """
    if not script.path.endswith(".py"):
        try:
            script.source()
        except (OSError, UnicodeDecodeError) as error:
            raise Problem(f"the file cannot be read: {error}") from None
        return
    tree = parse_script(script.path)
    # Another repository may have a script of the same name, and load_module would run this one
    # in that one's module.
    name = os.path.splitext(os.path.basename(script.path))[0]
    sys.modules.pop(name, None)
    try:
        module = script.module
    except BaseException as error:
        if needs_database(error):
            sys.modules.pop(name, None)
            return  # it reads at its top level what an earlier version makes: its turn will tell
        raise Problem(why_not_loaded(error, script.path), line_in(error, script.path)) from None
    try:
        takes_engine = bool(inspect.getfullargspec(module.upgrade)[0])
    except TypeError:
        takes_engine = False
    if not takes_engine:
        raise Problem("its upgrade() takes no engine")
    LazyCheck(tree, module).run()


def parse_script(path: str) -> ast.Module:
    try:
        with open(path, "rb") as stream:
            return ast.parse(stream.read(), path)
    except OSError as error:
        raise Problem(f"the file cannot be read: {error}") from None
    except (SyntaxError, ValueError) as error:
        raise Problem(syntax_trouble(error), getattr(error, "lineno", None)) from None


def syntax_trouble(error: Exception) -> str:
    """What is wrong with the syntax of a file: that it is Python 2, where it looks like it."""
    shown = ""
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        with contextlib.suppress(OSError), open(error.filename, "rb") as stream:
            lines = stream.read().decode("utf-8", "replace").splitlines()
            shown = lines[error.lineno - 1] if error.lineno <= len(lines) else ""
    if (
        (isinstance(error, IndentationError) and "\t" in shown)
        or PYTHON_2_LINES.search(shown)
        or any(complaint in str(error) for complaint in PYTHON_2_COMPLAINTS)
    ):
        return f"it is Python 2: {shown.strip()}"
    return f"it is not valid Python 3: {getattr(error, 'msg', error)}"


def needs_database(error: BaseException) -> bool:
    from sqlalchemy.exc import DBAPIError, NoSuchTableError

    return isinstance(error, (DBAPIError, NoSuchTableError))


def why_not_loaded(error: BaseException, path: str) -> str:
    """Why a module or script cannot be loaded; `path` is the script that asked for it."""
    if type(error).__name__ == "InvalidScriptError":
        return "it has no function upgrade()"
    if isinstance(error, SyntaxError) and error.filename and not same(error.filename, path):
        return f"it imports {error.filename}: line {error.lineno}: {syntax_trouble(error)}"
    if not isinstance(error, ModuleNotFoundError):
        return describe(error)
    if error.name in PYTHON_2_MODULES:
        what = f"it is Python 2: it imports {error.name}"
    else:
        what = f"it imports {error.name}, which the legacy runtime does not have"
    # The script may import a module of the app's, and that one what is missing.
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "importlib" not in f.filename]
    if frames and not same(frames[-1].filename, path) and not same(frames[-1].filename, __file__):
        what += f" (in {frames[-1].filename}, line {frames[-1].lineno})"
    return what


class LazyCheck:
    """What upgrade() will meet only when it runs: imports inside it, and names of Python 2.

    Only what runs in any case counts: not what stands below an `if` or a `try`, nor behind a
    `return` that may be taken, nor in functions that are not called so.
    """

    def __init__(self, tree: ast.Module, module: Any, name: str = "upgrade") -> None:
        self.module, self.name = module, name
        self.functions = functions_in(tree.body)
        self.bound = {name for node in ast.walk(tree) for name in names_bound_by(node)}
        self.magic = any(
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and (node.value.id, node.attr) in IMPORT_MAGIC
            for node in ast.walk(tree)
        )

    def run(self) -> None:
        waiting, seen = [self.name], set()
        while waiting:
            name = waiting.pop()
            if name in seen or name not in self.functions:
                continue
            seen.add(name)
            body = self.functions[name].body
            self.functions.update(functions_in(body))
            for node in certain(body):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    waiting.append(node.func.id)
                self.check(node)

    def check(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                self.check_import(alias.name, None, node.lineno)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                self.check_import(node.module, alias.name, node.lineno)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            if node.id in PYTHON_2_NAMES and not self.known(node.id):
                raise Problem(f"it is Python 2: it uses {node.id}", node.lineno)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.RShift):
            if isinstance(node.left, ast.Name) and node.left.id == "print":
                raise Problem("it is Python 2: it prints with print >>", node.lineno)
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in PYTHON_2_METHODS
            and not node.args
            and not node.keywords
        ):
            raise Problem(f"it is Python 2: it calls {node.func.attr}()", node.lineno)

    def known(self, name: str) -> bool:
        return name in self.bound or hasattr(self.module, name) or hasattr(builtins, name)

    def check_import(self, name: str, attribute: str | None, line: int) -> None:
        try:
            module = importlib.import_module(name)
            if attribute not in (None, "*") and not hasattr(module, attribute):
                importlib.import_module(f"{name}.{attribute}")
        except BaseException as error:
            if not self.magic and not needs_database(error):
                why = why_not_loaded(error, self.module.__file__)
                raise Problem(f"its {self.name}() cannot import {name}: {why}", line) from None


def functions_in(body: list[ast.stmt]) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in body if isinstance(node, ast.FunctionDef)}


def certain(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """The nodes that run whenever the body runs; a loop is taken to run at least once."""
    for statement in body:
        yield from certain_within(statement)
        if may_leave(statement, (ast.Return, ast.Break, ast.Continue)):
            return


def certain_within(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    if isinstance(node, SCOPES):
        return
    if isinstance(node, (ast.If, ast.While, ast.IfExp)):
        yield from certain_within(node.test)
    elif isinstance(node, ast.BoolOp):
        yield from certain_within(node.values[0])
    elif isinstance(node, ast.Try):
        yield from certain([] if node.handlers else node.body)
        yield from certain(node.finalbody)
    elif isinstance(node, ast.For):
        yield from certain_within(node.iter)
        yield from certain(node.body)
    elif isinstance(node, ast.With):
        for item in node.items:
            yield from certain_within(item)
        yield from certain(node.body)
    else:
        for child in ast.iter_child_nodes(node):
            yield from certain_within(child)


def may_leave(node: ast.AST, ways: tuple[type[ast.AST], ...]) -> bool:
    if isinstance(node, ways):
        return True
    if isinstance(node, SCOPES):
        return False
    if isinstance(node, (ast.For, ast.While)):
        ways = (ast.Return,)
    return any(may_leave(child, ways) for child in ast.iter_child_nodes(node))


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


# --- telling what went wrong ----------------------------------------------------------------


def describe(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        if error.code is None or isinstance(error.code, int):
            return f"it ended the program with status {int(error.code or 0)}"
        return str(error.code)
    original = getattr(error, "orig", None)
    if not isinstance(original, BaseException):
        original = error
    try:
        said = str(original)
    except Exception:  # an exception of the app's whose text cannot be made
        said = ""
    kind = type(original).__name__
    text = f"{kind}: {said}" if said else kind
    return f"{text} (it is Python 2)" if is_python_2(original, said) else text


def is_python_2(error: BaseException, said: str) -> bool:
    quoted = set(re.findall(r"'(\w+)'", said))
    if isinstance(error, NameError):
        return bool(quoted & PYTHON_2_NAMES)
    if isinstance(error, (AttributeError, ImportError)):
        return bool(quoted & PYTHON_2_ATTRIBUTES)
    return False


def line_in(error: BaseException, path: str) -> int | None:
    frames = [f for f in traceback.extract_tb(error.__traceback__) if same(f.filename, path)]
    return frames[-1].lineno if frames else None


def same(one: str, other: str) -> bool:
    return os.path.abspath(one) == os.path.abspath(other)


def print_traceback() -> None:
    with contextlib.suppress(Exception):  # a script may have closed standard error
        traceback.print_exc()


# --- running --------------------------------------------------------------------------------


class Siblings:
    """The files beside each repository's scripts, which these import by their bare names.

    Two repositories may have files of the same names: each sees its own only.
    """

    def __init__(self, repositories: dict[str, Any]) -> None:
        self.paths = {
            name: os.path.abspath(spec["path"])
            for name, spec in repositories.items()
            if spec["path"] is not None
        }
        self.inside: str | None = None
        self.folders: list[str] = []
        self.modules: dict[str, dict[str, Any]] = {}

    def enter(self, name: str) -> None:
        if name == self.inside:
            return
        if self.inside is not None:
            self.leave(self.inside)
        self.inside = name
        path = self.paths.get(name)  # a registry is a package's own, found as any other
        own = (path, os.path.join(path, "versions")) if path else ()
        self.folders = [folder for folder in own if folder not in sys.path]
        # At the end: they hide nothing that is installed.
        sys.path.extend(self.folders)
        sys.modules.update(self.modules.get(name, {}))

    def leave(self, name: str) -> None:
        self.modules[name] = {
            key: module for key, module in list(sys.modules.items()) if lies_in(key, self.folders)
        }
        for key in self.modules[name]:
            del sys.modules[key]
        for folder in self.folders:
            if folder in sys.path:  # a script may have taken it out
                sys.path.remove(folder)


def lies_in(name: str, folders: list[str]) -> bool:
    """Whether the module, or the package that it belongs to, stands directly in a folder."""
    file = getattr(sys.modules.get(name.partition(".")[0]), "__file__", None)
    if not file or file == __file__:
        return False
    place = os.path.dirname(os.path.abspath(file))
    if os.path.basename(file).startswith("__init__."):
        place = os.path.dirname(place)
    return place in folders


class Function:
    """A version of a registry."""

    def __init__(self, function: Any, path: str) -> None:
        self.function, self.path = function, path


def load_registry(name: str) -> Any:
    """The dictionary that ``package.module:NAME`` stands for."""
    module, _, attribute = name.partition(":")
    try:
        found = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except BaseException as error:
        print_traceback()
        raise Problem(f"{name} cannot be loaded: {why_not_loaded(error, __file__)}") from None
    if not isinstance(found, Mapping):
        raise Problem(f"{name} is no dictionary of migrations, but {type(found).__name__}")
    return found


def load_function(registry: Any, number: int, name: str) -> Function:
    """The function of a number, as far as it can be checked without running it.

    :raises Problem: there is none, or it cannot run.
    """
    if number not in registry:
        raise Problem(f"{name} has no {number} (it has {ranges(registry)})")
    function = registry[number]
    if not callable(function):
        raise Problem(f"its {number} is no function, but {function!r}")
    inner = inspect.unwrap(function)
    path = inspect.getsourcefile(inner) if inspect.isfunction(inner) else None
    if path is None:
        return Function(function, name)
    line = inner.__code__.co_firstlineno
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        raise Problem(f"{inner.__name__}() takes no session", line) from None
    LazyCheck(parse_script(path), sys.modules[inner.__module__], inner.__name__).run()
    return Function(function, path)


def ranges(numbers: Any) -> str:
    """Numbers for people: 1 to 6, 8."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][-1] + 1:
            parts[-1] = [parts[-1][0], number]
        else:
            parts.append([number])
    return ", ".join(" to ".join(map(str, part)) for part in parts) or "none"


class Held:
    """One connection for all that a version does, whose commits wait for its version row.

    What is run on its `engine` may commit and roll back as it likes: a commit keeps a savepoint, a
    rollback goes back to the last one. So the version and its row become one, where the database
    rolls back changes of the schema too.
    """

    DIALECTS = ("sqlite", "postgresql")

    def __init__(self, engine: Any) -> None:
        import sqlalchemy
        from sqlalchemy.pool import StaticPool

        # No rollback when a connection is given back: it would undo what another has not committed.
        self.engine = sqlalchemy.create_engine(
            engine.url, poolclass=StaticPool, pool_reset_on_return=None
        )
        # The dialect looks around when it connects, and rolls back for real.
        self.connection = self.engine.connect().connection.connection
        self.connection.rollback()
        if self.engine.name == "sqlite":
            self.connection.isolation_level = None  # else the driver begins and commits by itself
        dialect: Any = self.engine.dialect
        dialect.do_commit = self.keep
        dialect.do_rollback = self.go_back
        self.execute("BEGIN", "SAVEPOINT bridge")

    def execute(self, *statements: str) -> None:
        for statement in statements:
            cursor = self.connection.cursor()
            # psycopg2 begins by itself.
            if statement != "BEGIN" or self.engine.name == "sqlite":
                cursor.execute(statement)
            cursor.close()

    def keep(self, _connection: Any) -> None:
        self.execute("RELEASE SAVEPOINT bridge", "SAVEPOINT bridge")

    def go_back(self, _connection: Any) -> None:
        self.execute("ROLLBACK TO SAVEPOINT bridge")

    def commit(self) -> None:
        self.execute("RELEASE SAVEPOINT bridge")
        self.connection.commit()

    def close(self) -> None:
        """Undo what is not committed."""
        with contextlib.suppress(Exception):  # the server may have ended it
            self.connection.rollback()
            self.connection.close()


class Worker:
    def __init__(self, channel: Channel, request: dict[str, Any]) -> None:
        self.channel = channel
        self.request = request
        self.versions = {name: spec["version"] for name, spec in request["repositories"].items()}
        self.scripts: dict[tuple[str, int], Any] = {}
        self.siblings = Siblings(request["repositories"])
        self.phase = "loading"
        self.statements = 0
        self.written = 0
        self.unseen = False
        self.last_write: str | None = None

    # --- preflight ---

    def load(self) -> list[dict[str, Any]]:
        """Load every script of the request; the problems of all of them together."""
        import sqlalchemy
        from migrate.versioning.version import Collection

        mend_libraries()
        for folder in reversed(self.request["pythonpath"]):
            sys.path.insert(0, folder)
        try:
            self.engine = open_engine(self.request["urls"])
        except Exception as error:
            return [{"message": f"it cannot open the database: {describe(error)}"}]
        # On the class: scripts open engines of their own.
        engines = sqlalchemy.engine.Engine
        sqlalchemy.event.listen(engines, "before_cursor_execute", self.before_statement)
        sqlalchemy.event.listen(engines, "after_cursor_execute", self.after_statement)
        self.watch_raw_connections(engines)
        problems: list[dict[str, Any]] = []
        collections = {}
        set_up = {None}
        for name, spec in self.request["repositories"].items():
            self.siblings.enter(name)
            try:
                if spec.get("setup") not in set_up:
                    # Once, though repositories share it: a program's settings are registered once.
                    set_up.add(spec["setup"])
                    module, _, attribute = spec["setup"].partition(":")
                    getattr(importlib.import_module(module), attribute)(self.engine)
                if spec["registry"]:
                    collections[name] = load_registry(spec["registry"])
                else:
                    collections[name] = Collection(os.path.join(spec["path"], "versions"))
            except Problem as trouble:
                problems.append({"repository": name, "message": str(trouble)})
            except BaseException as error:
                print_traceback()
                what = f"setup {spec['setup']}: " if spec.get("setup") else ""
                problems.append({
                    "repository": name, "message": what + why_not_loaded(error, __file__),
                })  # fmt: skip
        for name, number in self.request["steps"]:
            if name in collections:
                problem = self.load_step(name, number, collections[name])
                if problem:
                    problems.append(problem)
        for name, spec in self.request["repositories"].items():
            if name in collections and spec["registry"]:
                last = max(number for other, number in self.request["steps"] if other == name)
                more = [number for number in collections[name] if number > last]
                if more:
                    problems.append({
                        "repository": name,
                        "message": f"{spec['registry']} has {ranges(more)} too, after {last}, the "
                        "last version that the configuration knows",
                    })  # fmt: skip
        return problems

    def load_step(self, name: str, number: int, collection: Any) -> dict[str, Any] | None:
        self.siblings.enter(name)
        found: dict[str, Any] = {"repository": name, "version": number}
        registry = self.request["repositories"][name]["registry"]
        try:
            if registry:
                function = inspect.unwrap(collection.get(number))
                if inspect.isfunction(function):
                    found["script"] = inspect.getsourcefile(function)
                self.scripts[name, number] = load_function(collection, number, registry)
                return None
            if number not in {int(version) for version in collection.versions}:
                raise Problem("its script is gone")
            script = choose_script(collection.version(number), self.engine.name)
            found["script"] = script.path
            self.channel.send("loading", **found)
            load_script(script)
            self.scripts[name, number] = script
        except Problem as problem:
            return {**found, "line": problem.line, "message": str(problem)}
        return None

    # --- statements ---

    def watch_raw_connections(self, engines: Any) -> None:
        """What a script runs on a driver's own connection, no event of SQLAlchemy's tells."""
        original = engines.raw_connection

        def raw_connection(engine: Any, *arguments: Any, **options: Any) -> Any:
            caller = sys._getframe(1).f_globals.get("__name__", "")
            if caller.partition(".")[0] != "sqlalchemy":
                self.unseen = True
            return original(engine, *arguments, **options)

        engines.raw_connection = raw_connection

    def before_statement(
        self, connection: Any, _cursor: Any, statement: str, _parameters: Any, _context: Any,
        _many: bool,
    ) -> None:  # fmt: skip
        if READS.match(statement):
            return
        if self.phase == "running":
            self.statements += 1
            self.last_write = statement
            self.channel.send("statement", number=self.statements, sql=statement[:2000])
        elif self.phase == "loading" and place(connection.engine) == place(self.engine):
            raise RuntimeError("it writes to the database already when it is imported")

    def after_statement(
        self, _connection: Any, _cursor: Any, statement: str, _parameters: Any, _context: Any,
        _many: bool,
    ) -> None:  # fmt: skip
        if self.phase == "running" and not READS.match(statement):
            self.written += 1

    def statement_of(self, error: BaseException) -> str | None:
        """What the database refused. It may do so only at the commit, which names no statement."""
        statement: str | None = getattr(error, "statement", None)
        return statement or (self.last_write if hasattr(error, "orig") else None)

    # --- one version ---

    def run(self, name: str, number: int) -> None:
        script = self.scripts[name, number]
        self.siblings.enter(name)
        self.statements, self.written, self.last_write = 0, 0, None
        self.unseen = False
        self.channel.send("begin", script=script.path)
        begun = time.monotonic()
        try:
            if isinstance(script, Function):
                self.run_function(script, name, number)
            else:
                self.run_script(script, name, number)
        except BaseException as error:
            print_traceback()
            self.channel.send(
                "error",
                script=script.path,
                line=line_in(error, script.path),
                sql=self.statement_of(error),
                message=describe(error),
                written=self.written,
                unseen=self.unseen,
            )
            return
        self.versions[name] = number
        seconds = time.monotonic() - begun
        self.channel.send("end", statements=self.statements, seconds=seconds)

    def run_script(self, script: Any, name: str, number: int) -> None:
        import sqlalchemy

        self.phase = "running"
        script.run(self.engine, 1)
        self.phase = "writing the version"
        try:
            with self.engine.begin() as connection:
                self.write_version(connection, name, number)
        except sqlalchemy.exc.DBAPIError as error:
            if not error.connection_invalidated:
                raise
            # The server ended a connection that idled while the script computed.
            with self.engine.begin() as connection:
                self.write_version(connection, name, number)

    def run_function(self, function: Function, name: str, number: int) -> None:
        """With a session, whose last transaction has the version row in it."""
        from sqlalchemy.orm import sessionmaker

        held = Held(self.engine) if self.engine.name in Held.DIALECTS else None
        session = sessionmaker(bind=held.engine if held else self.engine)()
        try:
            self.phase = "running"
            function.function(session)
            self.phase = "writing the version"
            # What the function has not committed belongs to it all the same.
            self.write_version(session, name, number)
            session.commit()
            if held:
                held.commit()
        except BaseException:
            if held:
                self.written = 0  # it is all undone
            raise
        finally:
            session.close()
            if held:
                held.close()

    def write_version(self, connection: Any, name: str, number: int) -> None:
        """As sqlalchemy-migrate does, but by the id in the row, which may be an older name.

        A repository that came later than the database has no row yet.
        """
        import sqlalchemy

        spec = self.request["repositories"][name]
        keys = ("id_column", "path_column", "version_column")
        columns: dict[str, Any] = {key: sqlalchemy.column(spec[key]) for key in keys if spec[key]}
        table = sqlalchemy.table(spec["version_table"], *columns.values())
        name_of, version_of = columns["id_column"], columns["version_column"]
        if self.versions[name] is None:
            row = {name_of: spec["row_id"], version_of: number}
            if spec["path_column"]:
                row[columns["path_column"]] = spec["path"]
            connection.execute(table.insert().values(row))
            return
        at_last = (name_of == spec["row_id"]) & (version_of == self.versions[name])
        update = table.update().where(at_last).values({version_of: number})
        if connection.execute(update).rowcount != 1:
            raise RuntimeError(
                f"the version row {spec['row_id']!r} is not at {self.versions[name]} any more"
            )


def open_engine(urls: list[str]) -> Any:
    """An engine for the first URL whose driver is here, after a first connection."""
    import sqlalchemy

    missing: Exception | None = None
    for url in urls:
        try:
            engine = sqlalchemy.create_engine(url)
        except (ImportError, sqlalchemy.exc.NoSuchModuleError) as error:
            missing = error
            continue
        # A version that cannot even connect would leave the run half-way.
        engine.connect().close()
        return engine
    raise missing or ValueError("no URL was given")


def place(engine: Any) -> tuple[Any, ...]:
    """Which database an engine writes to."""
    url = engine.url
    if engine.name == "sqlite":
        return ("sqlite", os.path.abspath(url.database) if url.database else id(engine))
    return (engine.name, url.host, url.port, url.database)


def mend_libraries() -> None:
    """Where the locked versions of libraries fall short of what old histories need."""
    import sqlalchemy.engine.url
    import sqlparse.engine.grouping
    from migrate.versioning.script.sql import SqlScript

    # str(engine.url) must give a URL back that can be used: 1.4 forgets to quote the "%".
    if hasattr(sqlalchemy.engine.url, "_sqla_url_quote"):
        sqlalchemy.engine.url._sqla_url_quote = lambda text: re.sub(
            "[%:@/]", lambda match: f"%{ord(match.group()):02X}", text
        )
    # Newer ones refuse long statements, for fear of strangers' SQL.
    for limit in ("MAX_GROUPING_TOKENS", "MAX_GROUPING_DEPTH"):
        if hasattr(sqlparse.engine.grouping, limit):
            setattr(sqlparse.engine.grouping, limit, None)
    SqlScript.source = read_sql


def read_sql(script: Any) -> str:
    """An .sql file is UTF-8, with or without a mark, else in the locale's encoding."""
    with open(script.path, "rb") as stream:
        source = stream.read()
    try:
        text = source.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = source.decode(locale.getpreferredencoding(False))
    return text.replace("\r\n", "\n").replace("\r", "\n")


def set_path() -> None:
    """`sys.path`: the runtime's own packages first, then PYTHONPATH, without this folder.

    PYTHONPATH is how many apps find their own modules, but it may lead to another SQLAlchemy.
    This file's folder has modules of common names.
    """
    here = os.path.dirname(os.path.abspath(__file__))
    given = [os.path.abspath(p) for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    own = [p for p in sys.path if os.path.abspath(p or ".") not in {here, *given}]
    sys.path[:] = own + given


def main() -> None:
    set_path()
    # Known and of no use to anybody here.
    warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
    # A migration leaves no files in the app's folders.
    sys.dont_write_bytecode = True
    channel = Channel()
    request = channel.receive()
    if request is None:
        return
    worker = Worker(channel, request)
    try:
        problems = worker.load()
    except BaseException as error:
        print_traceback()
        problems = [{"message": f"it cannot use sqlalchemy-migrate: {describe(error)}"}]
    if problems:
        channel.send("problems", problems=problems)
        return
    worker.phase = "waiting"
    channel.send("loaded", scripts=len(worker.scripts))
    while True:
        command = channel.receive()
        if command is None:
            worker.engine.dispose()
            return
        worker.run(*command["run"])


if __name__ == "__main__":
    main()
