"""Stands in for oslo.i18n: nothing is translated."""

from __future__ import annotations

from collections.abc import Callable


class TranslatorFactory:
    def __init__(self, domain: str) -> None:
        self.primary: Callable[[str], str] = str
