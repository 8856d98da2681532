"""A table of the configuration names the key, the file and what is allowed. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bridge.model.config_table import ConfigTable
from bridge.model.errors import ConfigError


def table(**values: Any) -> ConfigTable:
    return ConfigTable(values, "part", "bridge.toml", Path("/app"))


def test_values_are_converted() -> None:
    found = table(a="text", b=True, c=3, d="one", e=["one", "two"], f="x/y", g={"2": "b", "1": "a"})
    assert found.take("a", found.string, None) == "text"
    assert found.take("b", found.flag, False) is True
    assert found.take("c", found.count, 1) == 3
    assert found.take("d", found.one_of("one", "two"), None) == "one"
    assert found.take("e", found.strings, ()) == ("one", "two")
    assert found.strings("e", "one") == ("one",)
    assert found.take("f", found.path, None) == Path("/app/x/y")
    assert found.take("g", found.by_version(found.string), {}) == {1: "a", 2: "b"}
    assert found.take("h", found.path_or_resource, "none") == "none"
    assert found.path_or_resource("h", "package.module:folder") == "package.module:folder"
    assert found.numbers("h", [3, 1, 3]) == (1, 3)
    assert found.versions("h", {"core": 0}) == {"core": 0}
    found.finish()


@pytest.mark.parametrize(
    ("converter", "value", "rule"),
    [
        ("string", "", "must be a non-empty string, not ''"),
        ("flag", 1, "must be true or false, not 1"),
        ("count", True, "must be a whole number of at least 1, not True"),
        ("strings", [""], "must be a list of strings, not ['']"),
        ("numbers", [0], "must be a list of numbers above 0, not [0]"),
        ("versions", {"a": "b"}, "must be a table from repositories to versions, not {'a': 'b'}"),
    ],
)
def test_a_mistake_says_what_is_allowed(converter: str, value: Any, rule: str) -> None:
    found = table(key=value)
    with pytest.raises(ConfigError) as caught:
        found.need("key", getattr(found, converter))
    assert caught.value.message == f"part.key in bridge.toml {rule}."
    assert caught.value.help == "Change part.key in bridge.toml."


def test_a_key_that_nothing_asks_for_is_a_mistake() -> None:
    found = table(nam="x")
    with pytest.raises(ConfigError) as caught:
        found.need("url", found.string)
    assert caught.value.message == "part.url is missing in bridge.toml."
    found.take("name", found.string, None)
    with pytest.raises(ConfigError) as caught:
        found.finish()
    assert caught.value.message == (
        "part.nam in bridge.toml is not a key that bridge knows; did you mean name? "
        "(allowed: name)."
    )
