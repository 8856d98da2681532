"""Replacements for texts, of the same length and shape; equal texts have equal replacements.

A digit becomes a digit, and a letter a letter of its script and case with as many bytes in UTF-8.
Punctuation and white space stay, so that an e-mail address, a URL, a UUID or JSON remains one. The
replacement depends on a secret key, without which nobody can test which text it was.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import unicodedata
from functools import cache
from math import isqrt, prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_BLOCK = 64
"""The number of characters that are replaced together; the time grows with its square."""

_ROUNDS = 6

_DATE = re.compile(
    r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d([.,]\d+)?)?( ?(Z|UTC|[+-]\d\d(:?\d\d)?))?)?"
    r"|\d\d:\d\d(:\d\d(\.\d+)?)?"
)

# A letter in these is part of a number, or of a notation.
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")

_SCHEME = re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]*(?=://)")

_HEXADECIMAL = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9A-F]{8}-(?:[0-9A-F]{4}-){3}"
    r"[0-9A-F]{12}|[0-9a-f]{16,}|[0-9A-F]{16,})(?![0-9A-Za-z])"
)

# In an array of PostgreSQL's.
_NULL = re.compile(r"(?<=[{,])NULL(?=[,}])")

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"(?P<key>\s*:)?', re.DOTALL)

_ALWAYS = {"true", "false", "yes", "no", "on", "off", "none", "null", "t", "f", "y", "n"}
"""Words that may be truth values or nothing, in any case."""


class Scrubber:
    """A replacement for each text.

    Two texts that differ in more than case have replacements that differ in more than case.

    :param key: the secret key.
    :param kept: texts that are kept, in any case; no other text becomes one of them.
    """

    def __init__(self, key: bytes, kept: Iterable[str] = ()) -> None:
        self._key = key
        self._kept = {text.casefold() for text in kept} | _ALWAYS

    def text(self, text: str) -> str:
        """Return the replacement of a text."""
        if self.keeps(text):
            return text
        if _is_json(text):
            return _STRING.sub(self._json_string, text)
        alphabets = list(_alphabets(text))
        other = self._changed(text, alphabets)
        # Each further round is a permutation too, so that different texts stay different.
        while self.keeps(other) or _is_json(other) or list(_alphabets(other)) != alphabets:
            other = self._changed(other, alphabets)
        return other

    def keeps(self, text: str) -> bool:
        """Return whether a text is kept: it is empty, a date or time, or one of the kept texts."""
        return not text or text.casefold() in self._kept or _DATE.fullmatch(text) is not None

    def _json_string(self, found: re.Match[str]) -> str:
        if found["key"] is not None:
            return found[0]
        value = json.loads(found[0], strict=False)
        return json.dumps(self.text(value), ensure_ascii="\\u" in found[0] or value.isascii())

    def _changed(self, text: str, alphabets: Sequence[str]) -> str:
        characters = list(text)
        free = [n for n, alphabet in enumerate(alphabets) if len(alphabet) > 1]
        # The fixed characters are part of the key, so that each shape is permuted by itself.
        shape = [a if len(a) > 1 else c for c, a in zip(text, alphabets, strict=True)]
        digest = hmac.new(self._key, repr(shape).encode(), hashlib.sha256)
        for start in range(0, len(free), _BLOCK):
            places = free[start : start + _BLOCK]
            of = [alphabets[n] for n in places]
            old = [a.index(_plain(characters[n])) for n, a in zip(places, of, strict=True)]
            sizes = [len(a) for a in of]
            new = _digits(_permuted(_number(old, sizes), prod(sizes), digest.digest()), sizes)
            # The next block depends on this one; different texts stay different.
            digest.update(repr(old).encode())
            for n, alphabet, index in zip(places, of, new, strict=True):
                upper = _plain(characters[n]) != characters[n]
                characters[n] = alphabet[index].upper() if upper else alphabet[index]
        return "".join(characters)


def _is_json(text: str) -> bool:
    """Return whether a text is a list or an object in JSON."""
    if text[:1] not in ("{", "["):
        return False
    try:
        json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return False
    return True


# --- kinds of characters ------------------------------------------------------------------


def _alphabets(text: str) -> Iterator[str]:
    """Yield what each character may become; only itself for a fixed one."""
    fixed = [False] * len(text)
    for found in (*_SCHEME.finditer(text), *_NULL.finditer(text)):
        fixed[slice(*found.span())] = [True] * len(found[0])
    if _NUMBER.fullmatch(text):
        fixed = [not c.isdigit() for c in text]
    hexadecimal = [False] * len(text)
    for found in _HEXADECIMAL.finditer(text):
        hexadecimal[slice(*found.span())] = [True] * len(found[0])
    for n, character in enumerate(text):
        if fixed[n]:
            yield character
        elif hexadecimal[n] and character.isalpha():
            yield "abcdef"
        else:
            yield alphabet_of(character)


def _plain(character: str) -> str:
    """Return a letter without its case, where the case can be restored."""
    lower = character.lower()
    same = len(lower) == 1 and lower.upper() == character
    return lower if same and _bytes(lower) == _bytes(character) else character


@cache
def alphabet_of(character: str) -> str:
    """Return what a character may become: only itself if fixed; letters have no case here."""
    if character.isascii():
        if character.isalpha():
            return "abcdefghijklmnopqrstuvwxyz"
        return "0123456789" if character.isdigit() else character
    plain = _plain(character)
    kind = _kind(plain)
    if unicodedata.category(character)[0] not in "LNS":
        return character
    start = ord(plain) & ~0x7F
    return "".join(c for c in map(chr, range(start, start + 0x80)) if _kind(c) == kind)


def _kind(character: str) -> tuple[str, int, bool, str]:
    """Return what two characters must share to replace each other."""
    upper = character.upper()
    cased = character == _plain(upper) != upper or character != _plain(character)
    # A character with a second notation is not a letter of an alphabet.
    normal = unicodedata.normalize("NFKC", character)
    whole = "" if normal == character else normal
    return unicodedata.category(character), _bytes(character), cased, whole


def _bytes(character: str) -> int:
    return len(character.encode("utf-8", "surrogatepass"))


# --- numbers ------------------------------------------------------------------------------


def _number(digits: list[int], sizes: list[int]) -> int:
    number = 0
    for digit, size in zip(digits, sizes, strict=True):
        number = number * size + digit
    return number


def _digits(number: int, sizes: list[int]) -> list[int]:
    found = []
    for size in reversed(sizes):
        number, digit = divmod(number, size)
        found.append(digit)
    return found[::-1]


def _permuted(number: int, size: int, key: bytes) -> int:
    """Return another number below `size`, a different one for each, by a Feistel network.

    The network's numbers exceed `size` a little, so it is repeated until one is below.
    """
    side = isqrt(size - 1) + 1
    length = (side.bit_length() + 7) // 8 + 16

    def draw(turn: int, half: int) -> int:
        shake = hashlib.shake_256(key + bytes([turn]) + str(half).encode())
        return int.from_bytes(shake.digest(length), "big") % side

    while True:
        left, right = divmod(number, side)
        for turn in range(_ROUNDS):
            left, right = right, (left + draw(turn, right)) % side
        number = left * side + right
        if number < size:
            return number
