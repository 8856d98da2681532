"""Passwords in URLs and messages: found and hidden."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator

# What the arguments in a URL's query are called that are nobody else's business.
_SECRET_KEY = re.compile(r"passw|passphrase|pwd|secret|token", re.IGNORECASE)

# Passwords in what looks like a URL, whatever it is the URL of; PASSWORD itself is a placeholder.
_PASSWORD = re.compile(r"(://[^\s:/@'\"]*:)(?!PASSWORD@)[^\s/@]+(?=@)")

_SECRET_QUERY = re.compile(rf"([?&]\w*(?:{_SECRET_KEY.pattern})\w*=)[^\s&'\"#)]+", re.IGNORECASE)

_LONG = 8
"""From so many characters on, a password that is no word is no part of one either."""


def shown(url: URL) -> str:
    """Return the URL as it may be printed: passwords are ``***``."""
    hidden = {key: "***" for key in url.query if _SECRET_KEY.search(key)}
    return url.update_query_dict(hidden).render_as_string(hide_password=True)


def scrub(text: str, *urls: URL | str) -> str:
    """`text` without the URLs' passwords, nor what looks like one in any other URL.

    For what other programs wrote. A URL that is not one, as somebody typed it, is good enough.
    """
    secrets = {secret for url in urls for secret in _secrets(url) if secret}
    for secret in sorted(secrets, key=len, reverse=True):
        before = after = ""
        if len(secret) < _LONG or secret.isalpha():
            # Must not be found inside other words; what a URL or a repr has quoted is no word.
            if re.match(r"\w", secret):
                before = r"(?:(?<!\w)|(?<=%[0-9A-Fa-f]{2})|(?<=\\[nrt]))"
            if re.search(r"\w\Z", secret):
                after = r"(?!\w)"
        text = re.sub(f"{before}{''.join(map(_spellings, secret))}{after}", "***", text)
    return _SECRET_QUERY.sub(r"\1***", _PASSWORD.sub(r"\1***", text))


def _secrets(url: URL | str) -> Iterator[str]:
    if isinstance(url, str):
        # With unquoted characters in a password, the parts are not where they seem to be.
        yield from re.findall(r"://[^:/@]*:(.*)@", url)
        try:
            url = make_url(url)
        except (ArgumentError, ValueError):
            return
    yield str(url.password or "")
    for key, value in url.query.items():
        if _SECRET_KEY.search(key):
            yield from (value,) if isinstance(value, str) else value


def _spellings(character: str) -> str:
    """Return a pattern for a character of a password, plain or as URLs, ini files, SQL write it.

    Which characters a URL quotes differs from one version of SQLAlchemy to the next.
    """
    forms = ["".join(f"%{byte:02X}" for byte in character.encode())]
    forms += [character, json.dumps(character)[1:-1], ascii(character)[1:-1]]
    forms += {" ": ["+", "%2B"], "'": ["''"]}.get(character, [])
    # The longest first.
    return f"(?:{'|'.join(map(_requoted, sorted(set(forms), key=len, reverse=True)))})"


def _requoted(form: str) -> str:
    """Return a pattern for a text, and for the text as a URL or a repr quotes it again."""
    pattern = re.escape(form.lstrip("\\") or form)
    if len(form) > 1 or not form.isalnum():
        pattern = r"\\*" + pattern.replace("'", r"\\*'")
    return re.sub(
        r"%([0-9A-F]{2})?", lambda found: f"%{{1,2}}(?:25)*(?i:{found[1] or ''})", pattern
    )
