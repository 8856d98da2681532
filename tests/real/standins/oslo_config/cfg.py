"""The options that scripts read while they run, as an install without a file has them."""

from __future__ import annotations


class Options:
    # glance: no key, so version 017 has nothing to decrypt.
    metadata_encryption_key: str | None = None

    def import_opt(self, name: str, module: str) -> None:
        assert hasattr(self, name), f"{module} registers {name}, which has no stand-in"


CONF = Options()
