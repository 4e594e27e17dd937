"""Picks and helpers that the tests of several formats share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_hydrapicker.picks import Picks, Source


@pytest.fixture
def three_picks() -> Picks:
    """Picks on a micrograph 400 rows high and 700 columns wide, the middle one without a score."""
    return Picks(
        np.array([[10.25, 600.5], [399.0, 0.0], [123.456789, 45.5]]),
        np.array([0.875, np.nan, 1e-7], np.float32),
        np.array([Source.PICKER, Source.MANUAL, Source.MOVED], np.int8),
        diameter_px=56.4,
    )


@pytest.fixture
def save(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    """Write a file with given content into the temporary folder."""

    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write
