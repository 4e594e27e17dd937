"""The network as a picker: geometry, masks, borders, calibration."""

from __future__ import annotations

import math
from pathlib import Path

import mrcfile
import numpy as np
import pytest
import torch
from torch import nn

from napari_hydrapicker.errors import ParameterError, WeightsError
from napari_hydrapicker.hydra.network import Architecture, HydraPicker
from napari_hydrapicker.hydra.weights import Metadata, save
from napari_hydrapicker.imaging.prepare import Prepared
from napari_hydrapicker.io.micrograph import open_micrograph
from napari_hydrapicker.picking.base import MIN_SCORE, kept
from napari_hydrapicker.picking.hydra import HydraNetPicker
from napari_hydrapicker.picking.parameters import HydraSpec, PickParameters
from napari_hydrapicker.picks import Picks

SHAPE_WPX = (150, 230)  # no multiples of 16: padded to 160 x 240
SHAPE_PX = (600, 920)  # 4 micrograph pixels a working pixel


class Marks(nn.Module):
    """Answers with given logits in given cells of the dense grid, and with -20 elsewhere."""

    def __init__(self, cells: dict[tuple[int, int], float], offset: tuple[float, float] = (0, 0)) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.cells, self.offset = cells, offset

    def head(self, name: str) -> None:
        assert name == "generic"

    def forward(self, images: torch.Tensor, head: str) -> torch.Tensor:
        assert images.shape == (1, 1, 160, 240)
        raw = torch.full((1, 3, 20, 30), -20.0)
        raw[:, 1:] = 0
        for (row, col), logit in self.cells.items():
            raw[0, 0, row, col] = logit
            raw[0, 1:, row, col] = torch.tensor(self.offset)
        return raw


def prepared(mask: np.ndarray | None = None) -> Prepared:
    pixels = np.random.default_rng(0).standard_normal(SHAPE_WPX).astype(np.float32)
    return Prepared(pixels, np.ones(SHAPE_WPX, bool) if mask is None else mask, SHAPE_PX, 2.0)


def picker(
    cells: dict[tuple[int, int], float], offset: tuple[float, float] = (0, 0), **description: object
) -> HydraNetPicker:
    meta = Metadata.model_validate(description)
    return HydraNetPicker(Marks(cells, offset), meta)  # type: ignore[arg-type]


def pick(made: HydraNetPicker, prepared: Prepared, floor: float = MIN_SCORE, **how: float) -> Picks:
    parameters = PickParameters(**{"diameter_angstrom": 168.0, "border_angstrom": 0, **how})
    return kept(made.candidates(prepared), parameters, prepared.pixel_size_angstrom, floor)


def test_a_marked_cell_comes_back_at_its_place_in_the_micrograph() -> None:
    offset = (math.atanh(0.25), math.atanh(-0.5))  # of 12 working pixels: 3 down, 6 to the left
    picks = pick(picker({(3, 25): 5.0}, offset), prepared())
    # Cell (3, 25) is centred on (7.5 + 24, 7.5 + 200); four micrograph pixels a working pixel.
    assert picks.yx == pytest.approx(np.array([[4 * (31.5 + 3), 4 * (207.5 - 6)]]), abs=1e-3)
    assert picks.x[0] > picks.y[0]
    assert picks.diameter_px == pytest.approx(84)


def test_scores_are_calibrated_and_fall() -> None:
    calibration = {"generic": (0.5, -1.0)}
    picks = pick(
        picker({(3, 4): 2.0, (10, 20): 6.0}, calibration=calibration), prepared(), diameter_angstrom=160
    )
    assert picks.score == pytest.approx([1 / (1 + math.exp(-2)), 0.5])
    assert picks.y[0] > picks.y[1]
    assert picks.diameter_px == 80


def test_candidates_under_the_floor_are_left_out() -> None:
    cells = {(3, 4): -3.0, (10, 20): 3.0}
    assert len(pick(picker(cells), prepared())) == 2
    assert len(pick(picker(cells), prepared(), floor=0.1)) == 1
    assert len(pick(picker({}), prepared())) == 0


def test_of_neighbouring_cells_only_the_best_stays() -> None:
    neighbours = picker({(5, 7): 1.0, (5, 8): 2.0, (5, 9): 1.5})  # 8 working pixels apart
    assert pick(neighbours, prepared(), min_distance_angstrom=64).x.tolist() == [4 * (7.5 + 64)]
    assert len(pick(neighbours, prepared())) == 3, "a third of the diameter apart, they are two particles"


def test_no_pick_lands_in_masked_pixels() -> None:
    mask = np.ones(SHAPE_WPX, bool)
    mask[:, 100:] = False
    picks = pick(picker({(3, 4): 2.0, (3, 20): 6.0}), prepared(mask))
    assert picks.x.tolist() == [4 * (7.5 + 32)]


def test_no_pick_lands_in_the_padding() -> None:
    # Row 18 of cells is centred on 151.5 and column 28 on 231.5, beyond the image.
    assert len(pick(picker({(18, 4): 5.0, (4, 28): 5.0, (17, 27): 5.0}), prepared())) == 1


def test_no_pick_lands_in_the_border() -> None:
    cells = {(0, 10): 5.0, (10, 0): 5.0, (16, 20): 5.0, (9, 26): 5.0, (8, 15): 5.0}
    assert len(pick(picker(cells), prepared())) == 5
    inner = pick(picker(cells), prepared(), border_angstrom=200)
    assert inner.yx.tolist() == [[4 * (7.5 + 64), 4 * (7.5 + 120)]]
    # 30 px away from the top and the left; the border's own width is still inside.
    assert len(pick(picker(cells), prepared(), border_angstrom=60)) == 5
    assert len(pick(picker(cells), prepared(), border_angstrom=61)) == 3


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A tiny network that has learnt nothing."""
    torch.manual_seed(1)
    model = HydraPicker(Architecture(channels=4, groups=4, dropout=0.0))
    model.add_head("ours")
    with torch.no_grad():
        # A few cells stand out, so that tiled and whole answers can be compared.
        model.head("ours").output.bias[0] = 0  # type: ignore[index, union-attr]
    meta = Metadata(thresholds={"generic": 0.3, "ours": 0.4}, heads=("generic", "ours"))
    save(model, tmp_path / "tiny.safetensors", meta)
    return tmp_path / "tiny.safetensors"


@pytest.fixture
def micrograph(tmp_path: Path) -> Path:
    path = tmp_path / "m.mrc"
    with mrcfile.new(path) as file:
        file.set_data(np.random.default_rng(5).normal(100, 9, (400, 640)).astype(np.float32))
        file.voxel_size = 2.0
    return path


def test_a_micrograph_is_picked_from_its_file(weights: Path, micrograph: Path) -> None:
    tiny = HydraNetPicker.load(HydraSpec(weights=weights, head="ours"), "cpu")
    assert tiny.threshold == 0.4
    picks = tiny.pick_micrograph(open_micrograph(micrograph), PickParameters(diameter_angstrom=84.0))
    assert len(picks) > 20
    assert picks.diameter_px == 42
    assert (picks.yx >= -0.5).all()
    assert (picks.yx <= [399.5, 639.5]).all()
    assert picks.x.max() > 450
    assert (np.diff(picks.score) <= 0).all()
    # A pixel size given here overrides the file's: half the size in pixels, twice the working image.
    assert (
        tiny.pick_micrograph(
            open_micrograph(micrograph).with_pixel_size(4.0), PickParameters(diameter_angstrom=84.0)
        ).diameter_px
        == 21
    )


def test_a_border_in_angstrom(weights: Path, micrograph: Path) -> None:
    tiny = HydraNetPicker.load(HydraSpec(weights=weights, head="ours"), "cpu")
    picks = tiny.pick_micrograph(
        open_micrograph(micrograph), PickParameters(diameter_angstrom=84.0, border_angstrom=200)
    )
    assert len(picks)
    assert (picks.yx >= 100).all()
    assert (picks.yx <= [299, 539]).all()


def test_whitening_changes_what_the_network_sees() -> None:
    seen = []

    class Sees(Marks):
        def forward(self, images: torch.Tensor, head: str) -> torch.Tensor:
            seen.append(images.clone())
            return super().forward(images, head)

    for strength in (0.0, 1.0):
        meta = Metadata(preprocessing={"whiten": strength})
        pick(HydraNetPicker(Sees({}), meta), prepared())  # type: ignore[arg-type]
    plain, white = seen
    assert torch.equal(plain[0, 0, :150, :230], torch.from_numpy(prepared().image))
    assert not torch.allclose(plain, white)


@pytest.mark.parametrize("strength", ["much", 2, True])
def test_an_unknown_whitening_is_refused(strength: object) -> None:
    with pytest.raises(WeightsError, match="whitening"):
        picker({}, preprocessing={"whiten": strength})


def test_unknown_heads_and_tiles_are_refused(weights: Path) -> None:
    with pytest.raises(ParameterError, match="no head called 'theirs'"):
        HydraNetPicker.load(HydraSpec(weights=weights, head="theirs"), "cpu")
    with pytest.raises(ParameterError, match="multiple of 16"):
        HydraNetPicker.load(HydraSpec(weights=weights, tile_wpx=100), "cpu")
