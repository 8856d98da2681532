"""The steps of a plan as data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    from bridge.model.state import State

# --- steps --------------------------------------------------------------------------------


@dataclass(frozen=True)
class RunLegacy:
    """The run of one version of a legacy repository, which writes its number as well.

    :param method: "live" (its script, in the legacy runtime), "replay" (the frozen statements) or
        "ported" (the developer's own function).
    :param why: why a version of a frozen history is run live.
    :param non_transactional: why each statement is committed by itself on a database that has
        transactional DDL; None where they are one transaction.
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
    """The comparison of the schema with the frozen one of these repositories' versions."""

    kind: ClassVar[str] = "verify_schema"
    versions: tuple[tuple[str, int], ...]

    def __str__(self) -> str:
        return f"verify {', '.join(f'{name} {version}' for name, version in self.versions)}"


@dataclass(frozen=True)
class Stamp:
    """The record that the database equals these revisions; nothing is run."""

    kind: ClassVar[str] = "stamp"
    revisions: tuple[str, ...]

    def __str__(self) -> str:
        return f"stamp {', '.join(self.revisions)}"


@dataclass(frozen=True)
class Upgrade:
    """The run of one Alembic revision.

    :param non_transactional: the part of the script that commits before its end, on a database
        where a revision is one transaction.
    """

    kind: ClassVar[str] = "upgrade"
    revision: str
    branch: str | None = None
    doc: str = ""
    non_transactional: str | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"upgrade {self.revision}"


@dataclass(frozen=True)
class Downgrade:
    """The downgrade of one Alembic revision."""

    kind: ClassVar[str] = "downgrade"
    revision: str
    branch: str | None = None
    doc: str = ""

    def __str__(self) -> str:
        return f"downgrade {self.revision}"


@dataclass(frozen=True)
class SetVersion:
    """A number that is written into a legacy version table, or removed; nothing is run."""

    kind: ClassVar[str] = "set_version"
    repository: str
    version: int | None

    def __str__(self) -> str:
        if self.version is None:
            return f"remove legacy {self.repository}"
        return f"set legacy {self.repository} to {self.version}"


@dataclass(frozen=True)
class CreateModels:
    """The creation of the models' tables in a fresh database."""

    kind: ClassVar[str] = "create_models"

    def __str__(self) -> str:
        return "create the models' tables"


@dataclass(frozen=True)
class Foundations:
    """The default rows of a component, `CORE` or a module, that has just been installed."""

    kind: ClassVar[str] = "foundations"
    component: str
    hook: str

    def __str__(self) -> str:
        return f"foundations {self.hook}"


Step = (
    RunLegacy | VerifySchema | Stamp | Upgrade | Downgrade | SetVersion | CreateModels | Foundations
)


def name_in_journal(step: Step) -> str:
    """Return the name of the step in bridge's own table, cut to the length of the column."""
    return str(step)[:255]


def step_as_dict(step: Step) -> dict[str, Any]:
    """Return the step as a JSON object, its kind first, without what is only for people."""
    document = {"kind": step.kind, **asdict(step)}
    document.pop("doc", None)
    for name, key in (("method", "how"), ("why", "why"), ("non_transactional", "apart")):
        value = document.pop(name, None)
        if value is not None:
            document[key] = value
    return document


def done_as_dict(step: Step, seconds: float) -> dict[str, Any]:
    """Return a finished step as a JSON object, with its time in seconds."""
    return {**step_as_dict(step), "status": "done", "seconds": round(seconds, 3)}


@dataclass(frozen=True)
class Plan:
    """The steps that take a database from `state` to its targets, in order."""

    state: State
    steps: tuple[Step, ...]

    @property
    def interrupted(self) -> str | None:
        """The step of the plan in which an earlier run was interrupted, if there is one."""
        names = {name_in_journal(step) for step in self.steps}
        return self.state.interrupted if self.state.interrupted in names else None
