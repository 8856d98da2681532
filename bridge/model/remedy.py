"""What the user should do about an error, as data: put into words where it is printed."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, replace

Command = tuple[str, ...]
"""A command of bridge's with its arguments, without the program: ``("dbupdate", "--yes")``."""


@dataclass(frozen=True)
class Remedy:
    """One thing to do: a sentence, and the command that does it.

    :param text: what to do, in plain English; without its full stop where a command follows.
    :param command: what to type, without the program's name; empty where nothing is to be typed.
    """

    text: str
    command: Command = ()

    def render(self, program: str = "bridge") -> str:
        """Return the remedy as it is printed: the sentence, then the command.

        :param program: what stands before a command on the command line that the user typed.
        """
        if not self.command:
            return self.text
        return f"{self.text}: {typed(self.command, program)}"


Remedies = str | Remedy | Iterable[Remedy]
"""What an error takes: one remedy or several, or a sentence without a command."""


FIX_AND_RUN = Remedy("Fix the error above, then run", ("dbupdate",))
WITHOUT_BACKUP = Remedy("Or run without a backup", ("dbupdate", "--no-backup"))
OTHER_BACKUP = Remedy("Name another backup", ("restore", "BACKUP"))
RESTORE_EARLIER = Remedy("Restore a backup from before", ("restore", "BACKUP"))
SEE_STATUS = Remedy("See", ("status",))


def typed(command: Command, program: str = "bridge") -> str:
    """Return a command as it is typed in a shell."""
    return f"{program} {shlex.join(command)}"


def as_remedies(given: Remedies) -> tuple[Remedy, ...]:
    """Return the remedies that an error was given."""
    if isinstance(given, str):
        return (Remedy(given),) if given else ()
    return (given,) if isinstance(given, Remedy) else tuple(given)


def render(remedies: Iterable[Remedy], program: str = "bridge") -> str:
    """Return remedies as they are printed, each on a line of its own."""
    return "\n".join(remedy.render(program) for remedy in remedies)


def retry_with(remedies: Iterable[Remedy], command: Command) -> tuple[Remedy, ...]:
    """Return remedies in which another command stands for ``dbupdate``, its options kept.

    What runs the steps of an upgrade does not know for which command it does so.
    """
    return tuple(
        replace(remedy, command=(*command, *remedy.command[1:]))
        if remedy.command[:1] == ("dbupdate",)
        else remedy
        for remedy in remedies
    )
