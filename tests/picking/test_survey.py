"""Contrast, diameter and doubt, with a stand-in that finds discs of one size as a network would."""

from __future__ import annotations

from pathlib import Path

import mrcfile
import numpy as np
import pytest
from numpy.typing import NDArray

from napari_hydrapicker.errors import MicrographError, ParameterError
from napari_hydrapicker.imaging.prepare import Prepared
from napari_hydrapicker.imaging.rescale import DIAMETER_WPX
from napari_hydrapicker.io.micrograph import Micrograph, open_micrograph
from napari_hydrapicker.picking import survey
from napari_hydrapicker.picking.base import Candidates
from napari_hydrapicker.picking.parameters import Contrast, PickParameters
from napari_hydrapicker.picks import Picks

PIXEL = 5.0
SHAPE = (700, 820)
PLACES = np.array([[r, c] for r in range(120, 600, 110) for c in range(130, 700, 115)], float)


class StandIn:
    """Sure of the discs at `PLACES`, or of as many as `number` says, less so at less fitting diameters."""

    def __init__(self, number: int = 25, diameter: float = 200.0, contrast: Contrast = "dark") -> None:
        self.number, self.diameter, self.of = number, diameter, contrast
        self.contrast: Contrast = "dark"
        self.asked: list[float] = []

    def pick_micrograph(self, micrograph: Micrograph, parameters: PickParameters) -> Picks:
        return Picks(PLACES[: self.number], self._scores(parameters.diameter_angstrom).astype(np.float32))

    def candidates(self, prepared: Prepared) -> Candidates:
        diameter = DIAMETER_WPX * prepared.shape_px[0] / prepared.shape_wpx[0] * PIXEL
        return Candidates(prepared, prepared.to_wpx(PLACES[: self.number]), self._scores(diameter))

    def _scores(self, diameter: float) -> NDArray[np.float64]:
        self.asked.append(diameter)
        fit = np.exp(-((np.log(diameter / self.diameter) / 0.6) ** 2)) * (self.contrast == self.of)
        return np.full(min(self.number, len(PLACES)), 0.5 + 0.45 * fit)


def replaced(picker: StandIn, contrast: Contrast) -> StandIn:
    made = StandIn(picker.number, picker.diameter, picker.of)
    made.contrast = contrast
    return made


def written(path: Path, diameter: float = 200.0) -> Micrograph:
    """Dark discs of a diameter in Angstrom on noise."""
    image = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    rows, cols = np.ogrid[: SHAPE[0], : SHAPE[1]]
    for y, x in PLACES:
        image[np.hypot(rows - y, cols - x) < diameter / PIXEL / 2] -= 2
    with mrcfile.new(path) as file:
        file.set_data(image)
        file.voxel_size = PIXEL
    return open_micrograph(path)


@pytest.fixture
def micrographs(tmp_path: Path) -> list[Micrograph]:
    return [written(tmp_path / f"{name}.mrc") for name in "abcde"]


def test_a_few_are_chosen_evenly(micrographs: list[Micrograph]) -> None:
    assert [m.name for m in survey.chosen_for_survey(micrographs)] == ["a", "c", "e"]
    assert [m.name for m in survey.chosen_for_survey(micrographs[:2])] == ["a", "b"]


def test_evidence_is_of_confident_picks_alone() -> None:
    picks = Picks(np.zeros((4, 2)), np.array([1.0, 0.875, 0.75, 0.2], np.float32))
    assert survey.evidence(picks) == pytest.approx(1.75)


@pytest.mark.parametrize("contrast", ["dark", "light"])
def test_the_contrast_is_found(
    contrast: Contrast, micrographs: list[Micrograph], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "replace", replaced)
    found = survey.find_contrast(StandIn(contrast=contrast), micrographs, 200.0)  # type: ignore[arg-type]
    assert found.contrast == contrast
    seen = 1 if contrast == "dark" else 5  # there is no doubt: one is enough
    assert max(found.dark, found.light) == pytest.approx(seen * 25 * 0.9, rel=1e-5)


def test_where_nothing_is_found_particles_are_taken_for_dark() -> None:
    assert survey.ContrastFinding(0.0, 2.0).contrast == "dark"
    assert survey.ContrastFinding(10.0, 12.0).contrast == "dark"
    assert survey.ContrastFinding(1.0, 12.0).contrast == "light"


@pytest.mark.parametrize("true", [140.0, 200.0, 330.0])
def test_the_diameter_is_measured_without_one_stated(true: float, tmp_path: Path) -> None:
    found = survey.find_diameter(StandIn(diameter=true), [written(tmp_path / "a.mrc", true)])  # type: ignore[arg-type]
    assert found.best_angstrom == pytest.approx(1.3 * true, rel=0.15)  # a disc has no longer side
    assert found.is_telling
    assert found.stated_fits


@pytest.mark.parametrize(("stated", "fits"), [(260.0, True), (200.0, True), (110.0, False), (560.0, False)])
def test_a_stated_diameter_is_judged(stated: float, fits: bool, micrographs: list[Micrograph]) -> None:
    told: list[tuple[int, int]] = []
    picker = StandIn()
    found = survey.find_diameter(picker, micrographs[:1], stated, report=lambda *n: told.append(n))  # type: ignore[arg-type]
    assert found.stated_fits is fits
    assert any(one == pytest.approx(stated, rel=0.02) for one in picker.asked)
    assert told == [(i, len(told)) for i in range(len(told))]


def test_where_nothing_is_found_no_diameter_is_contradicted(micrographs: list[Micrograph]) -> None:
    found = survey.find_diameter(StandIn(number=2), micrographs[:1], 110.0)  # type: ignore[arg-type]
    assert not found.is_telling
    assert found.stated_fits


def test_diameters_that_do_not_suit_the_micrographs_are_not_tried(micrographs: list[Micrograph]) -> None:
    picker = StandIn()
    survey.find_diameter(picker, micrographs[:1], 700.0)  # type: ignore[arg-type]
    assert max(picker.asked) < 720  # a quarter of 3500 A is the most
    with pytest.raises(ParameterError, match=r"a\.mrc: at 1000 A per pixel"):
        survey.find_diameter(picker, [micrographs[0].with_pixel_size(1000.0)], None)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="no micrograph"):
        survey.find_diameter(picker, [])  # type: ignore[arg-type]


def test_it_can_be_cancelled(micrographs: list[Micrograph]) -> None:
    left = iter([False, False, True])
    found = survey.find_diameter(StandIn(), micrographs[:1], 200.0, cancelled=lambda: next(left))  # type: ignore[arg-type]
    assert len(found.trials) == 2
    with pytest.raises(ParameterError, match="cancelled"):
        survey.find_diameter(StandIn(), micrographs[:1], 200.0, cancelled=lambda: True)  # type: ignore[arg-type]


def test_a_broken_micrograph_is_left_out_unless_all_are(
    micrographs: list[Micrograph], tmp_path: Path
) -> None:
    broken = written(tmp_path / "broken.mrc")
    with mrcfile.mmap(broken.path, "r+") as file:
        file.data[:] = 3.0  # there is no contrast any more
    both = survey.find_diameter(StandIn(), [micrographs[0], broken], 200.0)  # type: ignore[arg-type]
    assert both.is_telling
    with pytest.raises(MicrographError, match="broken"):
        survey.find_diameter(StandIn(), [broken], 200.0)  # type: ignore[arg-type]
