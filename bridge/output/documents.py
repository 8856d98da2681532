"""What the commands print with `--json`, as documents."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bridge.model.steps import done_as_dict, step_as_dict
from bridge.output.difference_text import difference_document
from bridge.output.rows_text import rows_document

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bridge.model.freeze import Freeze
    from bridge.model.journal import PastRun
    from bridge.model.results import Backup, Report
    from bridge.model.snapshots import Snapshot
    from bridge.model.state import State
    from bridge.model.steps import Plan


def status_document(state: State, pending: int | None) -> dict[str, Any]:
    """`status --json`: `pending` counts the steps of the plan, None where it is refused."""
    document: dict[str, Any] = {
        "state": state.kind,
        "database": state.database,
        "legacy": {
            name: {
                "repository_id": legacy.repository.repository_id,
                "version": legacy.version,
                "last": legacy.repository.last,
            }
            for name, legacy in state.legacy.items()
        },
        "alembic": {"current": list(state.current), "targets": list(state.targets)},
        "pending": pending,
    }
    if state.dormant:
        document["dormant"] = {name: list(rows) for name, rows in state.dormant.items()}
    if state.interrupted:
        document["interrupted"] = state.interrupted
    if state.nearest:
        document["nearest"] = [
            {
                "repository": found.repository,
                "version": found.version,
                "differences": difference_document(found.differences),
            }
            for found in state.nearest
        ]
    if state.problem:
        document["problem"] = state.problem.as_dict()
    return document


def plan_document(plan: Plan) -> dict[str, Any]:
    """`plan --json`."""
    return {
        "state": plan.state.kind,
        "steps": [step_as_dict(step) for step in plan.steps],
    }


def backup_document(backup: Backup) -> dict[str, Any]:
    """Return a backup for JSON; its size in bytes."""
    return {"file": str(backup.path), "size": backup.size}


def snapshot_document(snapshot: Snapshot) -> dict[str, Any]:
    """Return a snapshot for JSON; its size in bytes, its versions null where it names none."""
    return {
        "file": str(snapshot.path),
        "kind": snapshot.kind,
        "versions": None if snapshot.versions is None else dict(snapshot.versions),
        "revisions": list(snapshot.revisions),
        "size": snapshot.size,
    }


def report_document(report: Report) -> dict[str, Any]:
    """`dbupdate --json`."""
    document: dict[str, Any] = {
        "outcome": report.outcome,
        "steps": [done_as_dict(step, seconds) for step, seconds in report.steps],
        "current": list(report.current),
    }
    if report.dormant:
        document["dormant"] = {name: list(rows) for name, rows in report.dormant.items()}
    if report.backup:
        document["backup"] = backup_document(report.backup)
    if report.rows:
        document |= rows_document(report.rows)
    if report.vanished:
        document["vanished"] = list(report.vanished)
    return document


def history_document(runs: Iterable[PastRun]) -> dict[str, Any]:
    """`history --json`: times are ISO 8601, in UTC."""
    keys = {"method": "how", "atomic": "one"}

    def plain_values(items: Iterable[tuple[str, Any]]) -> dict[str, Any]:
        return {
            keys.get(k, k): f"{v.isoformat()}Z" if isinstance(v, datetime) else v for k, v in items
        }

    return {"runs": [asdict(run, dict_factory=plain_values) for run in runs]}


def freeze_document(freeze: Freeze) -> dict[str, Any]:
    """Return a freeze for JSON; times in seconds."""
    recordings = [
        {
            "database": recording.dialect,
            "versions": [
                {
                    "repository": found.repository,
                    "version": found.version,
                    "statements": found.history.count,
                    "how": found.history.method,
                    "reason": found.history.reason,
                    "live": round(found.live, 4),
                    "frozen": None if found.seconds is None else round(found.seconds, 4),
                }
                for found in recording.versions
            ],
            "ends": dict(recording.errors),
            "not_filled": dict(recording.unfilled),
        }
        for recording in freeze.recordings
    ]
    sealed = [
        {"repository": s.repository, "outcome": s.outcome, "changes": list(s.changes)}
        for s in freeze.sealed
    ]
    return {"recordings": recordings, "sealed": sealed}
