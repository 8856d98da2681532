"""Runs old histories in the legacy runtime: one self-contained file.

They are sqlalchemy-migrate's scripts, or a registry: a dictionary from numbers to functions that
take a session, as MediaGoblin's.

The only file that imports `migrate`; it imports nothing of bridge, because the legacy runtime
does not have it. Started as a child process. Protocol, one JSON object a line:

    in   the request: {"urls": [URL, ...], "pythonpath", "repositories": {NAME: {"path" or
         "registry" (the other is null), "version_table", "id_column", "version_column",
         "path_column" (may be null), "row_id", "last", "setup"}},
         "steps": [[NAME, VERSION], ...], "apart": those of them that commit each statement by
         itself, "mark": null, {"file"} or {"drivers", "statements", "held" (may be missing)},
         "journal": null or {"table", "common": what each row has in it}, "recorder": null or the
         path of recorder.py, "guard": null or {"file": the path of guard.py, "arguments"}}; the
         first of the URLs whose driver is here is taken; "capture": null or {"file": the path of
         capture.py, "moment": where the clock stands still}
    out  {"event": "loading", "script"} for each script, then {"event": "loaded", "scripts": N}
         or {"event": "problems", "problems": [...]}
    in   {"run": [NAME, VERSION], "before": the version in its row, null without a row, "name": the
         step's, "from_statement": null or a number}, once for each version, in the order of the
         steps
    out  {"event": "begin", "script", "one"}, {"event": "resumed", "done": N} where an earlier run
         was cut short in it, {"event": "statement", "number", "sql"} for each write, then
         {"event": "end", "statements", "seconds", "captured": null or what the capture has of it,
         with the "packages" that it ran with}, {"event": "apart", "reason"}, {"event":
         "stopped", "number", "found", "expected"} or {"event": "error", "script", "line", "sql",
         "message", "written", "unseen", "blind"}

A function's "script" is the file that it is in. Where the database can roll back changes of the
schema ("one"), a version's work and its version row are one: after an error nothing of it has
stayed, and "written" is 0. Elsewhere "written" counts the writes that went through. A script that
turns out not to run as one is rolled back; "apart" says why, and this process is of no more use.

The request comes on standard input, so that the URL is in no argument list and no environment.
When standard input ends, the parent is gone or done: the process ends at once. Keep to what
Python 3.7 has: `legacy_python` may be as old as the app.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import datetime
import functools
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
import weakref
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

# What a database refuses inside a transaction, or takes no notice of there.
APART = {
    "sqlite": re.compile(
        r"^\s*((VACUUM|ATTACH|DETACH|BEGIN|COMMIT|END|ROLLBACK(?!\s+TO))\b"
        r"|PRAGMA\s+(\w+\.)?(auto_vacuum|defer_foreign_keys|encoding|foreign_keys|journal_mode"
        r"|locking_mode|page_size|synchronous|temp_store|wal_checkpoint)\s*[=(])",
        re.IGNORECASE,
    ),
    "postgresql": re.compile(
        r"(^|;)\s*(ABORT|ALTER\s+SYSTEM|BEGIN\s*(;|$|WORK|TRANSACTION)|CLUSTER\s*(;|$)|COMMIT"
        r"|(CREATE|DROP|ALTER)\s+(DATABASE|TABLESPACE|SUBSCRIPTION)|DISCARD|END\s*(;|$)"
        r"|PREPARE\s+TRANSACTION|REINDEX\s+(DATABASE|SYSTEM)|ROLLBACK(?!\s+TO)"
        r"|SET\s+(LOCAL|TRANSACTION|SESSION\s+CHARACTERISTICS|CONSTRAINTS)|START\s+TRANSACTION"
        r"|VACUUM|ALTER\s+TYPE\s+\S+\s+ADD\s+VALUE|(CREATE|DROP|RE)\s*(UNIQUE\s+)?INDEX\s"
        r".*\bCONCURRENTLY)",
        re.IGNORECASE,
    ),
}

# A comment, or what is quoted: a body of a function, too.
INSIDE = re.compile(
    r"--[^\n]*|/\*.*?\*/|\b[eE]'(?:[^'\\]|\\.)*'|'[^']*'|\"[^\"]*\"|\$(\w*)\$.*?\$\1\$", re.DOTALL
)

# Of PostgreSQL: refused in a transaction; after what the same transaction has done before.
APART_CODES = ("25001", "55006", "55P04")

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
    def __init__(self, message: str, line: int | None = None, script: str | None = None) -> None:
        super().__init__(message)
        self.line, self.script = line, script


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
    """What a function will meet only when it runs: imports inside it, and names of Python 2.

    Only what runs in any case counts: not what stands below an `if` or a `try`, nor behind a
    `return` that may be taken, nor in functions that are not called so.
    """

    def __init__(
        self, tree: ast.Module, module: Any, name: str = "upgrade", line: int | None = None
    ) -> None:
        self.module, self.name = module, name
        self.functions = functions_in(tree.body)
        for node in ast.walk(tree):
            # By its line, where that is known: a module may have several of one name.
            if isinstance(node, ast.FunctionDef) and first_line(node) == line:
                self.functions[name] = node
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


def first_line(node: ast.FunctionDef) -> int:
    """The line that Python calls the function's first, which is its first decorator's."""
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


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


# --- registries -----------------------------------------------------------------------------


def load_registry(name: str) -> Mapping[int, Any]:
    """The dictionary that ``package.module:NAME`` stands for.

    :raises Problem: it cannot be loaded, or is no dictionary from numbers.
    """
    module, _, attribute = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except BaseException as error:
        print_traceback()
        if isinstance(error, SyntaxError) and error.filename:
            raise Problem(syntax_trouble(error), error.lineno, error.filename) from None
        script, line = last_place(error)
        why = why_not_loaded(error, script or __file__)
        raise Problem(f"{name} cannot be loaded: {why}", line, script) from None
    if not isinstance(found, Mapping):
        raise Problem(f"{name} is no dictionary of migrations, but {type(found).__name__}")
    for key in found:
        if not isinstance(key, int) or isinstance(key, bool) or key <= 0:
            raise Problem(f"{name} has the key {key!r}, which is no version's number")
    return found


def last_place(error: BaseException) -> tuple[str | None, int | None]:
    """The file and line of the app's where it was raised, if it was in the app."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if "importlib" not in frame.filename and not same(frame.filename, __file__):
            return frame.filename, frame.lineno
    return None, None


class Function:
    """A version of a registry; `path` is the file that it is in.

    :raises Problem: the registry has no such number, or no function for it.
    """

    def __init__(self, registry: Mapping[int, Any], number: int, name: str) -> None:
        if number not in registry:
            raise Problem(f"{name} has no {number} (it has {ranges(registry)})")
        self.call = registry[number]
        if not callable(self.call):
            raise Problem(f"its {number} is no function, but {self.call!r}")
        self.code = plain_function(self.call)
        self.path = (self.code and inspect.getsourcefile(self.code)) or name

    def load(self) -> None:
        """Check it, as far as that can be done without running it.

        :raises Problem: it cannot run.
        """
        name = getattr(self.code or self.call, "__name__", "it")
        line = self.code.__code__.co_firstlineno if self.code else None
        try:
            inspect.signature(self.call).bind(None)
        except ValueError:
            pass  # it is written in C, and says nothing
        except TypeError:
            raise Problem(f"{name}() cannot be called with only a session", line) from None
        module = sys.modules.get(getattr(self.code, "__module__", ""))
        if module and os.path.exists(self.path):
            LazyCheck(parse_script(self.path), module, name, line).run()


def plain_function(function: Any) -> Any:
    """The function written in Python that is behind decorators, a method or an object, or None."""
    function = inspect.unwrap(function)
    while isinstance(function, functools.partial):
        function = inspect.unwrap(function.func)
    if not inspect.isroutine(function) and not inspect.isclass(function):
        function = type(function).__call__
    function = getattr(function, "__func__", function)
    return function if inspect.isfunction(function) else None


def ranges(numbers: Iterable[int]) -> str:
    """Numbers for people: 1 to 6, 8."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][-1] + 1:
            parts[-1] = [parts[-1][0], number]
        else:
            parts.append([number])
    return ", ".join(" to ".join(map(str, part)) for part in parts) or "none"


def outside(statement: str) -> str:
    """A statement without its comments, and with nothing in its quotation marks."""
    return INSIDE.sub(lambda found: " " if found.group()[:2] in ("--", "/*") else "''", statement)


class NotOne(BaseException):
    """What runs cannot be one transaction. Not an Exception: scripts catch these."""


class Held:
    """Makes all that runs on an engine one transaction of one connection, until `commit`.

    Meanwhile a commit keeps a savepoint, and a rollback goes back to it. So what a version does and
    its version row are one, where the database rolls back changes of the schema too.

    What is checked out of the engine at one time was so many transactions, and is one now. That
    shows only when one is rolled back while another has open changes: then `commit` refuses.

    :param script: of sqlalchemy-migrate. Such a one may run apart, as there: `NotOne` is raised. A
        function's work and its row are one by definition: what stands against it is its error.
    :param capture: is told what is kept and what is rolled back.
    """

    DIALECTS = ("sqlite", "postgresql")
    # PostgreSQL's codes for a savepoint that is gone; SQLite has only a text.
    GONE = ("25P01", "3B001")
    # At these SQLite rolls back the whole transaction by itself.
    UNDONE = ("disk is full", "disk I/O error", "out of memory", "interrupted", "is locked")

    def __init__(self, engine: Any, *, script: bool = False, capture: Any = None) -> None:
        from sqlalchemy.pool import NullPool

        self.script, self.capture = script, capture
        self.not_one = ""
        self.thread = threading.get_ident()
        self.engine, self.dialect, self.pool = engine, engine.dialect, engine.pool
        self.open: set[object] = set()  # who has changes that are neither kept nor rolled back
        self.kept: set[object] = set()  # whose open changes another's commit has kept
        self.running: set[object] = set()  # whose statement is running, or has failed
        self.tangled = self.over = False
        self.lost: Any = None  # the error at which the database itself rolled all of it back
        self.lent = engine.pool.connect()
        self.connection = self.lent.connection
        if engine.name == "sqlite":
            self.connection.isolation_level = None  # else the driver begins and commits by itself
            self.execute("BEGIN")
        self.execute("SAVEPOINT bridge")  # other drivers begin by themselves
        # The very engine that the setup hook knows, and that may have what functions expect.
        engine.pool = NullPool(lambda: self.connection, dialect=self.dialect)
        self.replaced = {
            "do_commit": self.keep,
            "do_rollback": self.go_back,
            "do_close": lambda _connection: None,  # Engine.dispose() must not lose all
            "set_isolation_level": self.refuse_level,
        }
        vars(self.dialect).update(self.replaced)

    def execute(self, *statements: str) -> None:
        cursor = self.connection.cursor()
        try:
            for statement in statements:
                cursor.execute(statement)
        except Exception as error:
            if getattr(error, "pgcode", None) in self.GONE or "no such savepoint" in str(error):
                raise RuntimeError(
                    "it ended its transaction past SQLAlchemy, by a statement or on the driver's "
                    "own connection, so that its work and its version row cannot be one"
                ) from error
            raise
        finally:
            cursor.close()

    # --- what SQLAlchemy calls ---

    def begins(self, connection: Any) -> None:
        if connection.dialect is self.dialect:
            self.running.add(who(connection))

    def ends(self, connection: Any, *, wrote: bool) -> None:
        if connection.dialect is self.dialect:
            self.running.discard(who(connection))
            if wrote:
                self.open.add(who(connection))

    def keep(self, connection: Any) -> None:
        if self.lost:
            raise self.lost
        self.execute("RELEASE SAVEPOINT bridge", "SAVEPOINT bridge")
        if self.capture:
            self.capture.keep()
        self.kept = (self.kept | self.open) - {who(connection)}
        self.running.discard(who(connection))
        self.open.clear()

    def roll_back(self) -> None:
        self.execute("ROLLBACK TO SAVEPOINT bridge")
        if self.capture:
            self.capture.undo()

    def go_back(self, connection: Any) -> None:
        one = {who(connection)}
        # Every connection that is given back is rolled back: mostly it has only read.
        if not self.over and not self.lost and one & (self.open | self.kept | self.running):
            self.tangled = self.tangled or bool(self.open - one or self.kept & one)
            self.roll_back()
            self.kept -= one
            self.open.clear()
            self.running.clear()

    def refuse_level(self, _connection: Any, level: str) -> None:
        self.refuse(
            f"it asks for the isolation level {level}",
            "its work and its version row are one transaction, which has begun",
        )

    def refuse(self, what: str, advice: str) -> None:
        if self.script:
            self.part(what)
        raise RuntimeError(f"{what}: {advice}")

    def part(self, why: str) -> None:
        """A script that catches all exceptions goes on, but it cannot be one any more."""
        self.not_one = self.not_one or why
        raise NotOne(why)

    def check(self, connection: Any, statement: str) -> None:
        """Whether the statement can be part of the transaction."""
        if self.lost and connection.dialect is self.dialect:
            raise self.lost
        if not self.script:
            return
        self.check_thread()
        if connection.dialect is not self.dialect:
            if connection.dialect.name == self.dialect.name:
                self.part("it opens a connection of its own")
        elif APART[self.dialect.name].search(outside(statement)):
            self.part(f"it runs {' '.join(statement.split())[:60]}")

    def check_thread(self) -> None:
        if threading.get_ident() != self.thread:
            self.part("it works in several threads")

    def failed(self, error: Any) -> None:
        """A statement was refused: perhaps only because it is part of the transaction."""
        if self.script:
            self.check_thread()
        undone = any(words in str(error) for words in self.UNDONE)
        if undone and self.dialect.name == "sqlite" and not self.connection.in_transaction:
            self.lost = self.lost or error
        locked = self.dialect.name == "sqlite" and "locked" in str(error)
        if self.script and (locked or getattr(error, "pgcode", None) in APART_CODES):
            self.part(f"inside a transaction the database says: {' '.join(str(error).split())}")

    # --- what the worker calls ---

    def drop_open(self) -> None:
        """What was never committed would have been lost when the script ended."""
        if self.lost:
            raise self.lost
        if self.open or self.running:
            self.roll_back()
            self.tangled = self.tangled or bool(self.kept)
            self.open.clear()
            self.running.clear()

    def commit(self) -> None:
        if self.lost:
            raise self.lost
        if self.not_one:
            raise NotOne(self.not_one)
        if self.tangled or self.kept:
            self.refuse(
                "it rolled back, or left open, one transaction while another had changes",
                "bridge runs it on one connection, where these are one. Let it commit the session "
                "before it works on the session's engine",
            )
        self.over = True
        self.connection.commit()

    def undo(self) -> bool:
        """Roll all of it back; whether nothing has stayed."""
        try:
            if not self.over and not self.lost:  # a commit that failed leaves no savepoint
                self.execute("ROLLBACK TO SAVEPOINT bridge")
            self.connection.rollback()
        except Exception as error:
            # A server undoes what it has when the connection ends; else somebody has committed.
            return bool(self.dialect.is_disconnect(error, self.connection, None))
        finally:
            self.over = True
        return True

    def release(self) -> None:
        """Give the engine back as it was; what was not committed is gone."""
        for name in self.replaced:
            del vars(self.dialect)[name]
        self.engine.pool = self.pool
        self.lent.invalidate()


def who(connection: Any) -> object:
    """A mark of a connection that was checked out of a pool, whichever object stands for it."""
    return connection.info.setdefault("bridge", object())


class Worker:
    def __init__(self, channel: Channel, request: dict[str, Any]) -> None:
        self.channel = channel
        self.request = request
        self.versions: dict[str, int | None] = {}
        self.scripts: dict[tuple[str, int], Any] = {}
        self.siblings = Siblings(request["repositories"])
        self.held: Held | None = None
        self.phase = "loading"
        self.statements = 0
        self.written = 0
        self.unseen = False
        self.apart = {(name, number) for name, number in request["apart"]}
        self.last_write: str | None = None
        self.name = ""  # of the step at work, in the journal
        self.recorders: Any = None  # the module
        self.recorder: Any = None
        self.capture: Any = None

    # --- preflight ---

    def load(self) -> list[dict[str, Any]]:
        """Load every script of the request; the problems of all of them together."""
        capture = self.request.get("capture")
        if capture:
            captures = load_file("bridge_capture", capture["file"])
            captures.Clock(capture["moment"]).stop()
        import sqlalchemy
        from migrate.versioning.version import Collection

        mend_libraries()
        guard = self.request.get("guard")
        if guard:
            # Until this process ends: in a rehearsal nothing may use another database.
            load_file("bridge_guard", guard["file"]).Guard(*guard["arguments"]).__enter__()
        mark_sessions(self.request.get("mark"))
        if self.request.get("recorder"):
            self.recorders = load_file("bridge_recorder", self.request["recorder"])
        for folder in reversed(self.request["pythonpath"]):
            sys.path.insert(0, folder)
        try:
            self.engine = open_engine(self.request["urls"])
        except Exception as error:
            return [{"message": f"it cannot open the database: {describe(error)}"}]
        if capture:
            self.capture = captures.Capture(self.engine, capture["moment"])
        # On the class: scripts open engines of their own.
        engines = sqlalchemy.engine.Engine
        sqlalchemy.event.listen(engines, "before_cursor_execute", self.before_statement)
        sqlalchemy.event.listen(engines, "after_cursor_execute", self.after_statement)
        sqlalchemy.event.listen(engines, "handle_error", self.statement_failed)
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
                    self.channel.send("loading", repository=name, script=spec["registry"])
                    collections[name] = load_registry(spec["registry"])
                else:
                    collections[name] = Collection(os.path.join(spec["path"], "versions"))
            except Problem as problem:
                problems.append(told(problem, repository=name))
            except BaseException as error:
                print_traceback()
                what = f"setup {spec['setup']}: " if spec.get("setup") else ""
                problems.append({
                    "repository": name, "message": what + why_not_loaded(error, __file__),
                })  # fmt: skip
        for name, number in self.request["steps"]:
            if name in collections:
                found = self.load_step(name, number, collections[name])
                if found:
                    problems.append(found)
        for name, spec in self.request["repositories"].items():
            if name in collections and spec["registry"]:
                last = spec["last"]
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
            script: Any
            if registry:
                script = Function(collection, number, registry)
            elif number in {int(version) for version in collection.versions}:
                script = choose_script(collection.version(number), self.engine.name)
            else:
                raise Problem("its script is gone")
            found["script"] = script.path
            self.channel.send("loading", **found)
            if registry:
                script.load()
            else:
                load_script(script)
            self.scripts[name, number] = script
        except Problem as problem:
            return told(problem, **found)
        return None

    # --- statements ---

    def watch_raw_connections(self, engines: Any) -> None:
        """What a script runs on a driver's own connection, no event of SQLAlchemy's tells."""
        original = engines.raw_connection

        def raw_connection(engine: Any, *arguments: Any, **options: Any) -> Any:
            caller = sys._getframe(1).f_globals.get("__name__", "")
            if caller.partition(".")[0] != "sqlalchemy":
                if self.held and self.held.script:
                    self.held.part("it uses the driver's own connection")
                self.unseen = self.recorder is None
                if self.capture:
                    self.capture.problem("it uses the driver's own connection")
            return original(engine, *arguments, **options)

        engines.raw_connection = raw_connection

    def before_statement(
        self, connection: Any, _cursor: Any, statement: str, _parameters: Any, _context: Any,
        _many: bool,
    ) -> None:  # fmt: skip
        if self.held:
            self.held.check(connection, statement)
            self.held.begins(connection)
        if READS.match(statement):
            return
        if self.phase == "running":
            self.statements += 1
            self.last_write = statement
            self.channel.send("statement", number=self.statements, sql=statement[:2000])
        elif self.phase == "loading" and place(connection.engine) == place(self.engine):
            raise RuntimeError("it writes to the database already when it is imported")

    def after_statement(
        self, connection: Any, _cursor: Any, statement: str, parameters: Any, context: Any,
        many: bool,
    ) -> None:  # fmt: skip
        if self.held:
            self.held.ends(connection, wrote=not READS.match(statement))
        if self.phase == "running" and not READS.match(statement):
            self.written += 1
        if self.capture:
            self.capture.executed(connection, who(connection), statement, parameters, context, many)

    def statement_failed(self, context: Any) -> None:
        if self.held:
            self.held.failed(context.original_exception)

    def statement_of(self, error: BaseException) -> str | None:
        """What the database refused. It may do so only at the commit, which names no statement."""
        statement: str | None = getattr(error, "statement", None)
        return statement or (self.last_write if hasattr(error, "orig") else None)

    # --- one version ---

    def run(
        self, name: str, number: int, step: str = "", from_statement: int | None = None
    ) -> None:
        script = self.scripts[name, number]
        self.name, self.recorder = step, None
        stopped: Any = self.recorders.CannotResume if self.recorders else ()
        self.siblings.enter(name)
        self.statements, self.written, self.last_write = 0, 0, None
        self.unseen = False
        one = self.engine.name in Held.DIALECTS and (name, number) not in self.apart
        self.channel.send("begin", script=script.path, one=one)
        begun = time.monotonic()
        try:
            function = isinstance(script, Function)
            run = self.run_function if function else self.run_script
            if self.capture:
                self.capture.begin()
            if one or function:
                # The server may have ended a connection that idled since the last version.
                self.engine.dispose()
            frame: Any = contextlib.nullcontext()
            if one:
                frame = self.as_one(script=not function)
            elif self.recorders:
                frame = self.recorded(from_statement)
            elif self.capture:
                frame = self.capture.watching(who)
            with frame:
                run(script, name, number)
        except stopped as stop:
            self.channel.send(
                "stopped", number=stop.number, found=stop.found, expected=stop.expected
            )
            return
        except NotOne as reason:
            self.channel.send("apart", reason=str(reason))
            return
        except BaseException as error:
            print_traceback()
            self.channel.send(
                "error",
                script=script.path,
                line=line_in(error, script.path),
                sql=self.statement_of(error),
                message=describe(error),
                written=self.stayed(),
                unseen=self.unseen,
                blind=self.recorder and self.recorder.blind,
            )
            return
        seconds = time.monotonic() - begun
        captured = None
        if self.capture:
            # What is idle would keep the database from being copied.
            self.engine.dispose()
            captured = {**self.capture.as_dict(), "packages": packages()}
        self.channel.send("end", statements=self.statements, seconds=seconds, captured=captured)

    def stayed(self) -> int:
        """How many writes may have stayed, after an error."""
        exact = self.recorder and not self.recorder.blind
        return int(self.recorder.kept) if exact else self.written

    @contextlib.contextmanager
    def as_one(self, *, script: bool) -> Iterator[Held]:
        """What runs meanwhile is one transaction, which commits at the end."""
        held = self.held = Held(self.engine, script=script, capture=self.capture)
        try:
            yield held
            held.commit()
        except BaseException as error:
            undone = held.undo()
            if undone:
                self.written, self.unseen = 0, False
            if held.not_one and undone:
                raise NotOne(held.not_one) from None
            if isinstance(error, NotOne):
                raise RuntimeError(f"{error}, after it had committed by itself") from None
            raise
        finally:
            self.held = None
            held.release()

    @contextlib.contextmanager
    def recorded(self, from_statement: int | None) -> Iterator[None]:
        """What runs meanwhile is written down, so that a later run can go on in the middle."""
        journal = self.request["journal"]
        self.recorder = self.recorders.Recorder(
            self.engine, self.name, journal["common"], from_statement
        )
        with self.recorder:
            if self.recorder.done:
                self.channel.send("resumed", done=self.recorder.done)
            yield

    def run_script(self, script: Any, name: str, number: int) -> None:
        import sqlalchemy

        self.phase = "running"
        script.run(self.engine, 1)
        if self.held:
            self.held.drop_open()
        self.writes_version()
        try:
            with self.engine.begin() as connection:
                self.write_version(connection, name, number)
        except sqlalchemy.exc.DBAPIError as error:
            if self.held or not error.connection_invalidated:
                raise
            # The server ended a connection that idled while the script computed.
            with self.engine.begin() as connection:
                self.write_version(connection, name, number)

    def writes_version(self) -> None:
        """What is done from now on is not the version's own."""
        self.phase = "writing the version"
        if self.capture:
            self.capture.end()

    def run_function(self, function: Function, name: str, number: int) -> None:
        from sqlalchemy.orm import sessionmaker

        session = sessionmaker(bind=self.engine)()
        try:
            self.phase = "running"
            function.call(session)
            self.finish(session, name, number)
        finally:
            with contextlib.suppress(Exception):  # it has failed, and says why already
                session.close()

    def finish(self, session: Any, name: str, number: int) -> None:
        """Commit what the function has not, which belongs to it all the same, with its row."""
        import sqlalchemy

        session.flush()
        self.writes_version()
        # SQLAlchemy 1.3 cannot tell.
        begun = getattr(session, "in_transaction", lambda: True)()
        try:
            self.write_version(session, name, number)
        except sqlalchemy.exc.DBAPIError as error:
            if begun or not error.connection_invalidated:
                raise
            # The server ended a connection that idled since the function's own last commit.
            session.rollback()
            self.write_version(session, name, number)
        session.commit()

    def write_journal(self, connection: Any) -> None:
        """That the step is done, in the transaction that its version is written in."""
        import sqlalchemy

        journal = self.request.get("journal")
        if not journal:
            return
        if self.recorder:
            self.recorder.finish(connection)
        row = {"step": "step", "name": self.name, "status": "done", **journal["common"]}
        # Whether it is one transaction with its row shows only now.
        row["details"] = json.dumps({"one": bool(self.held), "statements": self.statements})
        row["at"] = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
        columns: Any = [sqlalchemy.column(name) for name in row if name != "at"]
        columns.append(sqlalchemy.column("at", sqlalchemy.DateTime))
        connection.execute(sqlalchemy.table(journal["table"], *columns).insert().values(row))

    def write_version(self, connection: Any, name: str, number: int) -> None:
        """As sqlalchemy-migrate does, but by the id in the row, which may be an older name.

        A repository that came later than the database has no row yet.
        """
        import sqlalchemy

        self.write_journal(connection)
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


def told(problem: Problem, **where: Any) -> dict[str, Any]:
    """A problem as the parent is told of it."""
    if problem.script:
        where["script"] = problem.script
    return {**where, "line": problem.line, "message": str(problem)}


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


def packages() -> dict[str, str]:
    """What the scripts run with, as far as it matters to what they emit."""
    import sqlalchemy

    found = {
        "python": ".".join(map(str, sys.version_info[:3])),
        "sqlalchemy": sqlalchemy.__version__,
    }
    with contextlib.suppress(Exception):  # Python 3.7 has no importlib.metadata
        from importlib.metadata import version

        found["sqlalchemy-migrate"] = version("sqlalchemy-migrate")
    return found


def load_file(name: str, path: str) -> Any:
    """A module of bridge's own that is loaded without bridge."""
    spec: Any = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def mark_sessions(mark: dict[str, Any] | None) -> None:
    """Let whoever runs after us see that we, or our sessions on the server, are still there.

    A mark is a lock that many can have: on a file, until this process ends; or on the server, taken
    by each session of the drivers, until that session ends. Of the statements, the first that says
    yes is it. "held" asks whether the run's own lock is there still.
    """
    import sqlalchemy.pool

    if mark is None:
        return
    if "file" in mark:
        with contextlib.suppress(ImportError):  # where a file that is open is mark enough
            import fcntl

            fcntl.flock(os.open(mark["file"], os.O_RDWR | os.O_CREAT, 0o666), fcntl.LOCK_SH)
        return

    marked: Any = weakref.WeakSet()  # `Held` has pools that give out one session again and again

    def connected(session: Any, _record: Any) -> None:
        ours = type(session).__module__.partition(".")[0] in mark["drivers"]
        if not ours or session in marked:
            return
        marked.add(session)
        cursor = session.cursor()
        for take, _undo in mark["statements"]:
            cursor.execute(take)
            if cursor.fetchone()[0]:
                break
        if "held" in mark:
            cursor.execute(mark["held"])
            if not cursor.fetchone()[0]:
                session.close()
                raise RuntimeError("the run has lost its lock: its session on the server has ended")
        cursor.close()
        session.rollback()

    sqlalchemy.event.listen(sqlalchemy.pool.Pool, "connect", connected)


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
        name, number = command["run"]
        worker.versions[name] = command["before"]
        worker.run(name, number, command.get("name", ""), command.get("from_statement"))


if __name__ == "__main__":
    main()
