"""Backgrounds of `hydrapicker synthesise` from micrographs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_hydrapicker.cli import synthesise as synthetic_backgrounds
from napari_hydrapicker.cli.simulate import write_mrc
from napari_hydrapicker.cli.synthesise import Scale, free_patches_of
from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.io.micrograph import open_micrograph


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five micrographs of noise, 90 x 140 pixels of 2 Angstrom."""
    for i in range(5):
        image = np.random.default_rng(i).normal(size=(90, 140)).astype(np.float32)
        write_mrc(tmp_path / f"m{i}.mrc", image, 2.0)
    return tmp_path


def test_a_diameter_in_angstrom_or_in_pixels(folder: Path) -> None:
    one = open_micrograph(folder / "m0.mrc")
    assert Scale(60.0, None, None).on(one) == 30
    assert Scale(60.0, None, 3.0).on(one) == 20
    assert Scale(None, 25.0, None).on(one) == 25
    assert Scale(60.0, None, None).working_pixel_angstrom == 3
    assert Scale(None, 25.0, 4.0).working_pixel_angstrom == 5
    assert Scale(None, 25.0, None).working_pixel_angstrom == 0, "unknown"


@pytest.mark.parametrize(
    ("scale", "has_micrographs", "said"),
    [
        (Scale(-1.0, None, None), True, "--diameter -1"),
        (Scale(None, float("inf"), None), True, "--diameter-px inf"),
        (Scale(None, None, 2.0), False, "--pixel-size.*only with micrographs"),
        (Scale(None, None, None), True, "need one of"),
        (Scale(60.0, 30.0, None), True, "need one of"),
    ],
)
def test_lengths_that_make_no_sense(scale: Scale, has_micrographs: bool, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        scale.check(has_micrographs)


def test_of_very_many_micrographs_some_are_taken(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(synthetic_backgrounds, "_MOST_MICROGRAPHS", 2)
    patches, shape = free_patches_of([str(folder)], Scale(60.0, None, None), known_empty=True)
    said = capsys.readouterr().out
    assert "2 of 5 micrographs are used" in said
    assert [name for name in ("m0", "m1", "m2", "m3", "m4") if f"{name}.mrc" in said] == ["m0", "m2"]
    assert shape == (60, 93)
    assert patches
    assert free_patches_of([], Scale(None, None, None), known_empty=True) == ([], None)
