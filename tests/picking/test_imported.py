"""Picks of other programs that take part in a consensus."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_hydrapicker.errors import CoordinateFileError, MicrographError
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.picking.consensus import ImportedPicks
from napari_hydrapicker.picks import Picks

YX = np.array([[10.0, 300.0], [150.0, 20.5]])


def test_a_folder_is_read_by_micrograph(tmp_path: Path) -> None:
    formats.write({"m1": Picks(YX, np.array([0.9, 0.4])), "m2": Picks(YX[:1])}, tmp_path, "star")
    read = ImportedPicks.read(tmp_path)
    np.testing.assert_allclose(read.of("m1").yx, YX, atol=1e-3)
    np.testing.assert_allclose(read.of("m1").score, [0.9, 0.4], atol=1e-6)
    assert (len(read.of("m2")), read.remark) == (1, "")


def test_scores_that_are_no_probabilities_are_left_out_of_all(tmp_path: Path) -> None:
    formats.write(
        {"m1": Picks(YX, np.array([0.9, -3.0])), "m2": Picks(YX, np.array([0.5, 0.6]))}, tmp_path, "star"
    )
    read = ImportedPicks.read(tmp_path)
    assert np.isnan(read.of("m1").score).all()
    assert np.isnan(read.of("m2").score).all()
    assert "no probabilities" in read.remark
    assert str(tmp_path) in read.remark


def test_a_micrograph_that_is_missing_is_named(tmp_path: Path) -> None:
    formats.write({"m1": Picks(YX)}, tmp_path, "star")
    with pytest.raises(MicrographError, match=r"m9: .*no such micrograph \(m1"):
        ImportedPicks.read(tmp_path).of("m9")


def test_one_in_two_sub_folders_is_not_guessed(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        formats.write({"m1": Picks(YX)}, tmp_path / folder, "star")
    with pytest.raises(MicrographError, match=r"m1: .* in a and b"):
        ImportedPicks.read(tmp_path).of("m1")
    assert len(ImportedPicks.read(tmp_path / "a").of("m1")) == 2


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(CoordinateFileError, match="no such"):
        ImportedPicks.read(tmp_path / "gone")
