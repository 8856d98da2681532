"""The steps of a plan as data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    from bridge.model.state import State

# --- steps --------------------------------------------------------------------------------


@dataclass(frozen=True)
class RunLegacy:
    """Run one version of a legacy repository and write its number into the version table.

    `method` is "live" (its script, in the legacy runtime), "replay" (the statements that are
    frozen) or "ported" (the developer's own function); `why` says why live, where the history is
    frozen. `non_transactional` says why its statements are committed one by one although the
    database could do them all in one transaction; None where they are one.
    """

    kind: ClassVar[str] = "run_legacy"
    repository: str
    version: int
    method: Literal["live", "replay", "ported"] = "live"
    why: str | None = field(default=None, compare=False)
    non_transactional: str | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"legacy {self.repository} {self.version}"


@dataclass(frozen=True)
class VerifySchema:
    """Compare the schema with the frozen one of a version of each of these repositories."""

    kind: ClassVar[str] = "verify_schema"
    versions: tuple[tuple[str, int], ...]

    def __str__(self) -> str:
        return f"verify {', '.join(f'{name} {version}' for name, version in self.versions)}"


@dataclass(frozen=True)
class Stamp:
    """Write down that the database equals these revisions, running nothing."""

    kind: ClassVar[str] = "stamp"
    revisions: tuple[str, ...]

    def __str__(self) -> str:
        return f"stamp {', '.join(self.revisions)}"


@dataclass(frozen=True)
class Upgrade:
    """Run one Alembic revision."""

    kind: ClassVar[str] = "upgrade"
    revision: str
    branch: str | None = None
    doc: str = ""

    def __str__(self) -> str:
        return f"upgrade {self.revision}"


@dataclass(frozen=True)
class Downgrade:
    """Undo one Alembic revision."""

    kind: ClassVar[str] = "downgrade"
    revision: str
    branch: str | None = None
    doc: str = ""

    def __str__(self) -> str:
        return f"downgrade {self.revision}"


@dataclass(frozen=True)
class SetVersion:
    """Write a number into a legacy version table, or take it out, running nothing."""

    kind: ClassVar[str] = "set_version"
    repository: str
    version: int | None

    def __str__(self) -> str:
        if self.version is None:
            return f"take out legacy {self.repository}"
        return f"set legacy {self.repository} to {self.version}"


@dataclass(frozen=True)
class CreateModels:
    """Create the tables of the models at their current state, on a fresh database."""

    kind: ClassVar[str] = "create_models"

    def __str__(self) -> str:
        return "create the models' tables"


@dataclass(frozen=True)
class Foundations:
    """Lay the default rows of a component that has just been installed: of `CORE` or a module."""

    kind: ClassVar[str] = "foundations"
    component: str
    hook: str

    def __str__(self) -> str:
        return f"foundations {self.hook}"


Step = (
    RunLegacy | VerifySchema | Stamp | Upgrade | Downgrade | SetVersion | CreateModels | Foundations
)


def name_in_journal(step: Step) -> str:
    """What the step is called in bridge's own table, whose column is that long."""
    return str(step)[:255]


def step_as_dict(step: Step) -> dict[str, Any]:
    """The step as a JSON object, its kind first; what is only for people is left out."""
    document = {"kind": step.kind, **asdict(step)}
    document.pop("doc", None)
    for name, key in (("method", "how"), ("why", "why"), ("non_transactional", "apart")):
        value = document.pop(name, None)
        if value is not None:
            document[key] = value
    return document


def done_as_dict(step: Step, seconds: float) -> dict[str, Any]:
    """A finished step as a JSON object, its time in seconds."""
    return {**step_as_dict(step), "status": "done", "seconds": round(seconds, 3)}


@dataclass(frozen=True)
class Plan:
    """The steps that take a database from `state` to its targets, in order."""

    state: State
    steps: tuple[Step, ...]

    @property
    def interrupted(self) -> str | None:
        """The one of its steps in the middle of which an earlier run was cut short, if it is."""
        names = {name_in_journal(step) for step in self.steps}
        return self.state.interrupted if self.state.interrupted in names else None
