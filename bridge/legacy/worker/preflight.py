"""Finds out all that can be found out without running a script."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

from migrate.versioning.version import Collection

from .errors import Problem, describe_import_error, print_traceback
from .registry import Function, load_registry, number_ranges
from .scripts import choose_script, load_script

if TYPE_CHECKING:
    from .channel import Channel
    from .siblings import Siblings


class Preflight:
    """The scripts of a request, loaded before the first of them runs.

    :param engine: which the setup hooks are given.
    """

    def __init__(
        self, channel: Channel, request: dict[str, Any], siblings: Siblings, engine: Any
    ) -> None:
        self.channel, self.siblings, self.engine = channel, siblings, engine
        self.repositories: dict[str, Any] = request["repositories"]
        self.steps: list[tuple[str, int]] = request["steps"]
        self.histories: dict[str, Any] = {}  # a Collection or a registry, by the repository's name
        self.set_up = {None}
        self.scripts: dict[tuple[str, int], Any] = {}
        self.problems: list[dict[str, Any]] = []

    def run(self) -> None:
        """Load every script; keep all `scripts` and `problems`."""
        for name in self.repositories:
            self.siblings.enter(name)
            self.load_history(name)
        for name, number in self.steps:
            if name in self.histories:
                self.siblings.enter(name)
                self.load_step(name, number)
        for name, history in self.histories.items():
            if self.repositories[name]["registry"]:
                self.check_last(name, history)

    def load_history(self, name: str) -> None:
        """Call the setup hook of a repository, and find its versions."""
        spec = self.repositories[name]
        try:
            if spec.get("setup") not in self.set_up:
                # Once, though repositories share it: a program's settings are registered once.
                self.set_up.add(spec["setup"])
                module, _, attribute = spec["setup"].partition(":")
                getattr(importlib.import_module(module), attribute)(self.engine)
            if spec["registry"]:
                self.channel.send("loading", repository=name, script=spec["registry"])
                self.histories[name] = load_registry(spec["registry"])
            else:
                self.histories[name] = Collection(os.path.join(spec["path"], "versions"))
        except Problem as problem:
            self.problems.append(problem.as_dict(repository=name))
        except BaseException as error:
            print_traceback()
            what = f"setup {spec['setup']}: " if spec.get("setup") else ""
            message = what + describe_import_error(error)
            self.problems.append({"repository": name, "message": message})

    def load_step(self, name: str, number: int) -> None:
        """Load the script of a version."""
        found: dict[str, Any] = {"repository": name, "version": number}
        history, registry = self.histories[name], self.repositories[name]["registry"]
        try:
            script: Any
            if registry:
                script = Function(history, number, registry)
            elif number in {int(version) for version in history.versions}:
                script = choose_script(history.version(number), self.engine.name)
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
            self.problems.append(problem.as_dict(**found))

    def check_last(self, name: str, registry: Any) -> None:
        """Check that a registry has no version that the configuration does not know."""
        spec = self.repositories[name]
        last = spec["last"]
        more = [number for number in registry if number > last]
        if more:
            self.problems.append({
                "repository": name,
                "message": f"{spec['registry']} has {number_ranges(more)} too, after {last}, the "
                "last version that the configuration knows",
            })  # fmt: skip
