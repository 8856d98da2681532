"""What tells that a script was written for Python 2."""

from __future__ import annotations

import contextlib
import re

LINES = re.compile(
    r"(^|[:;])\s*print\s+[^(=\s]|\bexcept\s+[^:]+,\s*\w+\s*:|^\s*raise\s+[\w.]+\s*,|<>|`"
    r"|^\s*exec\s+['\"\w]|\b\d+L\b|\bur['\"]|\blambda\s*\(|\bdef\s+\w+\s*\([^)]*\(\s*\w+\s*,"
)

COMPLAINTS = (
    "Missing parentheses in call",
    "exception types must be parenthesized",
    "leading zeros in decimal integer",
)

NAMES = {
    "basestring", "execfile", "long", "raw_input", "reload", "unichr", "unicode", "xrange",
}  # fmt: skip

METHODS = {"iteritems", "itervalues", "iterkeys"}

ATTRIBUTES = {
    *METHODS, "has_key", "ifilter", "imap", "izip", "getcwdu", "letters", "maxint",
}  # fmt: skip

MODULES = {
    "BaseHTTPServer", "ConfigParser", "Cookie", "HTMLParser", "Queue", "SocketServer", "StringIO",
    "__builtin__", "anydbm", "cPickle", "cStringIO", "commands", "cookielib", "copy_reg",
    "exceptions", "httplib", "md5", "sets", "sha", "thread", "urllib2", "urlparse", "xmlrpclib",
}  # fmt: skip


def describe_syntax_error(error: Exception) -> str:
    """Return what is wrong with the syntax of a file: that it is Python 2, if it looks so."""
    shown = ""
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        with contextlib.suppress(OSError), open(error.filename, "rb") as stream:
            lines = stream.read().decode("utf-8", "replace").splitlines()
            shown = lines[error.lineno - 1] if error.lineno <= len(lines) else ""
    if (
        (isinstance(error, IndentationError) and "\t" in shown)
        or LINES.search(shown)
        or any(complaint in str(error) for complaint in COMPLAINTS)
    ):
        return f"it is Python 2: {shown.strip()}"
    return f"it is not valid Python 3: {getattr(error, 'msg', error)}"


def is_python_2(error: BaseException, said: str) -> bool:
    """Return whether an error comes from a name that only Python 2 has."""
    quoted = set(re.findall(r"'(\w+)'", said))
    if isinstance(error, NameError):
        return bool(quoted & NAMES)
    if isinstance(error, (AttributeError, ImportError)):
        return bool(quoted & ATTRIBUTES)
    return False
