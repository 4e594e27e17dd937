"""The cGAN picker: geometry, masks, borders, calibration."""

from __future__ import annotations

import math
from pathlib import Path

import mrcfile
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from napari_hydrapicker.cgan import weights as generator_file
from napari_hydrapicker.cgan.networks import Generator
from napari_hydrapicker.cgan.preprocess import WorkingImage
from napari_hydrapicker.cgan.weights import GeneratorMetadata
from napari_hydrapicker.errors import MicrographError, OutOfMemoryError, ParameterError, WeightsError
from napari_hydrapicker.io.micrograph import open_micrograph
from napari_hydrapicker.picking import model_files
from napari_hydrapicker.picking.base import MIN_SCORE, Picker, kept
from napari_hydrapicker.picking.cgan import CGanPicker
from napari_hydrapicker.picking.parameters import CGanSpec, PickParameters
from napari_hydrapicker.picks import Picks

SHAPE_WPX = (120, 200)
SHAPE_PX = (600, 1000)  # 5 micrograph pixels a working pixel: a particle of 20 is 100 across
DIAMETER_PX = 100.0
PLACES = ((30, 170), (90, 40), (60, 100))


class Marks(nn.Module):
    """Takes the given share of brightness away in squares of 11 around the given centres."""

    def __init__(self, squares: dict[tuple[int, int], float]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.squares = squares

    def forward(self, images: Tensor) -> Tensor:
        marked = images.clone()
        for (row, col), share in self.squares.items():
            place = slice(max(0, row - 5), row + 6), slice(max(0, col - 5), col + 6)
            marked[0, 0][place] = images[0, 0][place] * (1 - share)
        return marked


class BelowLevel(nn.Module):
    """Takes all brightness away below a level."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, images: Tensor) -> Tensor:
        return torch.where(images < 0.4, torch.zeros(()), images)


def working(mask: np.ndarray | None = None) -> WorkingImage:
    image = np.random.default_rng(0).uniform(0.59, 0.61, SHAPE_WPX).astype(np.float32)
    for row, col in PLACES:
        image[row - 4 : row + 5, col - 4 : col + 5] -= 0.2
    return WorkingImage(image, np.ones(SHAPE_WPX, bool) if mask is None else mask, SHAPE_PX)


def picker(squares: dict[tuple[int, int], float], **description: object) -> CGanPicker:
    return CGanPicker(Marks(squares), GeneratorMetadata.model_validate(description))  # type: ignore[arg-type]


def pick(made: CGanPicker, working: WorkingImage, floor: float = MIN_SCORE, **how: float) -> Picks:
    """Pick a working image whose micrograph has pixels of 1 Angstrom."""
    parameters = PickParameters(diameter_angstrom=DIAMETER_PX, **{"border_angstrom": 0, **how})
    return kept(made.candidates(working), parameters, 1.0, floor)


def test_marks_come_back_at_their_places_in_the_micrograph() -> None:
    picks = pick(picker({(30, 170): 1.0, (90, 40): 0.8}), working())
    assert picks.yx == pytest.approx(np.array([[150, 850], [450, 200]]), abs=0.5)
    assert picks.diameter_px == 100


def test_scores_are_calibrated_and_fall() -> None:
    squares = {(90, 40): 0.6, (30, 170): 1.0, (60, 100): 0.8}
    picks = pick(picker(squares, calibration=(5.0, 0.0, -4.0)), working())
    assert picks.score == pytest.approx([1 / (1 + math.exp(-x)) for x in (1.0, 0.0, -1.0)], abs=0.01)


def test_of_equal_marks_the_one_that_stands_out_scores_higher() -> None:
    plain = WorkingImage(working().image, np.ones(SHAPE_WPX, bool), SHAPE_PX)
    plain.image[26:35, 166:175] += 0.15  # only 0.05 darker than its surroundings
    picks = pick(picker({(30, 170): 1.0, (90, 40): 1.0}, calibration=(1.0, 2.0, -6.0)), plain)
    assert picks.x == pytest.approx([200, 850], abs=0.5)
    assert picks.score[0] > picks.score[1] + 0.05


def test_faint_particles_are_marked_on_a_darker_copy() -> None:
    """The generator marks what is below a level that two of the places do not reach as they are."""
    made = picker({}, calibration=(5.0, 0.0, -2.0))
    made.generator = BelowLevel()  # type: ignore[assignment]
    image = np.full(SHAPE_WPX, 0.6, np.float32)
    for (row, col), level in zip(PLACES, (0.3, 0.5, 0.5), strict=True):
        image[row - 5 : row + 6, col - 5 : col + 6] = level
    whole = WorkingImage(image, np.ones(SHAPE_WPX, bool), SHAPE_PX)
    assert pick(made, whole).score == pytest.approx(
        [1 / (1 + math.exp(-x)) for x in (3.0, 0.5, 0.5)], abs=0.01
    )
    made.split = False
    assert len(pick(made, whole)) == 1, "the paper's way: only as it is"


def test_candidates_under_the_floor_are_left_out() -> None:
    made = picker({(90, 40): 0.6, (30, 170): 1.0}, calibration=(10.0, 0.0, -8.0))
    assert len(pick(made, working())) == 2
    assert len(pick(made, working(), floor=0.5)) == 1
    assert len(pick(picker({}), working())) == 0


def test_merged_marks_are_divided_unless_told_otherwise() -> None:
    squares = {(30, 40): 1.0, (30, 51): 1.0, (90, 40): 1.0, (90, 170): 1.0, (30, 170): 1.0}
    assert len(pick(picker(squares), working())) == 5
    whole = picker(squares)
    whole.split = False
    assert len(pick(whole, working())) == 3


def test_of_near_picks_only_the_best_stays() -> None:
    squares = {
        (30, 150): 0.9,
        (30, 170): 1.0,
        (90, 40): 1.0,
    }  # 20 working pixels apart, 100 of the micrograph
    assert len(pick(picker(squares), working())) == 3
    best = pick(picker(squares), working(), min_distance_angstrom=120)
    assert sorted(best.x) == pytest.approx([200, 850], abs=0.5)


def test_no_pick_lands_in_masked_pixels_or_the_border() -> None:
    mask = np.ones(SHAPE_WPX, bool)
    mask[:, 150:] = False
    squares = {(30, 170): 1.0, (90, 40): 1.0, (8, 100): 1.0}
    assert len(pick(picker(squares), working(mask))) == 2
    inner = pick(picker(squares), working(mask), border_angstrom=60)
    assert inner.yx == pytest.approx(np.array([[450, 200]]), abs=0.5)


def test_too_little_memory_is_told() -> None:
    class Greedy(Marks):
        def forward(self, images: Tensor) -> Tensor:
            raise MemoryError

    greedy = CGanPicker(Greedy({}), GeneratorMetadata())  # type: ignore[arg-type]
    with pytest.raises(OutOfMemoryError, match="120 x 200"):
        pick(greedy, working())


@pytest.fixture
def micrograph(tmp_path: Path) -> Path:
    """Three dark discs of 40 pixels on noise; 2 Angstrom a pixel."""
    image = np.random.default_rng(5).normal(0, 1, (400, 640)).astype(np.float32)
    rows, cols = np.ogrid[:400, :640]
    for y, x in DISCS:
        image[np.hypot(rows - y, cols - x) < 20] -= 3
    with mrcfile.new(tmp_path / "m.mrc") as file:
        file.set_data(image)
        file.voxel_size = 2.0
    return tmp_path / "m.mrc"


DISCS = ((100, 500), (250, 120), (300, 400))


class Dark(nn.Module):
    """Marks what is dark over an area."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, images: Tensor) -> Tensor:
        mean = nn.functional.avg_pool2d(images, 7, 1, 3, count_include_pad=False)
        return torch.where(mean < mean.mean() - 2 * mean.std(), torch.zeros(()), images)


def test_particles_of_a_file_come_back_where_they_are(micrograph: Path) -> None:
    # What is marked here is a disc, larger than one mark.
    made: Picker = CGanPicker(Dark(), GeneratorMetadata(), split=False)  # type: ignore[arg-type]
    picks = made.pick_micrograph(open_micrograph(micrograph), PickParameters(diameter_angstrom=80.0))
    found = picks.yx[np.argsort(picks.y)]
    assert found == pytest.approx(np.array(sorted(DISCS)), abs=2)
    assert picks.diameter_px == 40
    cut = made.pick_micrograph(
        open_micrograph(micrograph), PickParameters(diameter_angstrom=80.0, border_angstrom=220)
    )
    assert cut.yx == pytest.approx(np.array([DISCS[1]]), abs=2)
    # A pixel size given here overrides the file's.
    assert (
        made.pick_micrograph(
            open_micrograph(micrograph).with_pixel_size(1.0), PickParameters(diameter_angstrom=80.0)
        ).diameter_px
        == 80
    )


def test_errors_name_the_micrograph(micrograph: Path, tmp_path: Path) -> None:
    made = picker({})
    with pytest.raises(ParameterError, match=r"m\.mrc.*diameter"):
        made.pick_micrograph(open_micrograph(micrograph), PickParameters(diameter_angstrom=4000.0))
    with mrcfile.new(tmp_path / "flat.mrc") as file:
        file.set_data(np.zeros((300, 480), np.float32))
    flat = open_micrograph(tmp_path / "flat.mrc")
    with pytest.raises(ParameterError, match=r"flat\.mrc.*pixel size"):
        made.pick_micrograph(flat, PickParameters(diameter_angstrom=80.0))
    with pytest.raises(MicrographError, match=r"flat\.mrc.*contrast"):
        made.pick_micrograph(flat.with_pixel_size(2.0), PickParameters(diameter_angstrom=80.0))


def test_a_generator_is_read_from_its_file(tmp_path: Path, micrograph: Path) -> None:
    path = tmp_path / "tiny.safetensors"
    generator_file.save(Generator(2), path, GeneratorMetadata(threshold=0.3))
    loaded = CGanPicker.load(CGanSpec(weights=path, split=False), "cpu")
    assert loaded.threshold == 0.3
    assert not loaded.split
    assert (
        len(loaded.pick_micrograph(open_micrograph(micrograph), PickParameters(diameter_angstrom=80.0))) == 0
    ), "it has learnt nothing"
    with pytest.raises(WeightsError, match="nowhere"):
        CGanPicker.load(CGanSpec(weights=tmp_path / "nowhere.safetensors"), "cpu")
    with pytest.raises(ParameterError, match="abacus"):
        CGanPicker.load(CGanSpec(weights=path), "abacus")


def test_without_a_bundled_generator_one_must_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_files, "bundled_generator", lambda: None)
    with pytest.raises(ParameterError, match=r"`weights`.*cgan train"):
        CGanPicker.load(device="cpu")
