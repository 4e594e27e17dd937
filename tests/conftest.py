"""Fixtures that several test files share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A run's outcome depends on the code alone; `pytest --hypothesis-profile=random` looks for new cases.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("random", deadline=None)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real micrographs and other programs' files; tests that need it skip without it."""
    beside = Path(__file__).resolve().parents[2] / "shared"
    shared = Path(os.environ.get("HYDRAPICKER_SHARED") or beside)
    folder = shared / "data" if (shared / "data").is_dir() else shared
    if not (folder / "formats").is_dir():
        pytest.skip(f"no real data at {folder}: set HYDRAPICKER_SHARED to its folder")
    return folder
