"""Remedies for errors, as data that is put into words where it is printed."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

Command = tuple[str, ...]
"""A command of bridge's with its arguments, without the program: ``("dbupdate", "--yes")``."""


@dataclass(frozen=True)
class Remedy:
    """One thing to do: a sentence, and the command that does it.

    :param text: the advice in plain English; without a full stop where a command follows.
    :param command: the command to type, without the program's name; empty where there is none.
    """

    text: str
    command: Command = ()

    def render(self, program: str = "bridge") -> str:
        """Return the remedy as it is printed: the sentence, then the command.

        :param program: the program's name as the user typed it, such as ``flask bridge``.
        """
        if not self.command:
            return self.text
        return f"{self.text}: {typed(self.command, program)}"


Remedies = str | Remedy | Iterable[Remedy]
"""The remedies of an error: one or several, or a sentence without a command."""


FIX_AND_RUN = Remedy("Fix the error above, then run", ("dbupdate",))
WITHOUT_BACKUP = Remedy("Or run without a backup", ("dbupdate", "--no-backup"))
OTHER_BACKUP = Remedy("Name another backup", ("restore", "BACKUP"))
RESTORE_EARLIER = Remedy("Restore a backup from before", ("restore", "BACKUP"))
SEE_STATUS = Remedy("See", ("status",))


def typed(command: Command, program: str = "bridge") -> str:
    """Return a command as it is typed in a shell."""
    return f"{program} {shlex.join(command)}"


def as_remedies(given: Remedies) -> tuple[Remedy, ...]:
    """Return the remedies as a tuple; an empty sentence is none."""
    if isinstance(given, str):
        return (Remedy(given),) if given else ()
    return (given,) if isinstance(given, Remedy) else tuple(given)


def render(remedies: Iterable[Remedy], program: str = "bridge") -> str:
    """Return remedies as they are printed, each on a line of its own."""
    return "\n".join(remedy.render(program) for remedy in remedies)


def redact(remedies: Iterable[Remedy], hide: Callable[[str], str]) -> tuple[Remedy, ...]:
    """Return remedies with `hide` applied to every text in them."""
    return tuple(Remedy(hide(remedy.text), tuple(map(hide, remedy.command))) for remedy in remedies)


def retry_with(remedies: Iterable[Remedy], command: Command) -> tuple[Remedy, ...]:
    """Return the remedies with another command in place of ``dbupdate``; its options are kept.

    The code that runs the steps of an upgrade does not know which command it runs for.
    """
    return tuple(
        replace(remedy, command=(*command, *remedy.command[1:]))
        if remedy.command[:1] == ("dbupdate",)
        else remedy
        for remedy in remedies
    )
