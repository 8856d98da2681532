"""A project with legacy scripts, whatever a test makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.legacy_projects import LegacyProject


@pytest.fixture
def project(tmp_path: Path) -> LegacyProject:
    return LegacyProject(tmp_path / "the app")
