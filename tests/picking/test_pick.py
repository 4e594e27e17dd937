"""Picking by one call."""

from __future__ import annotations

import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mrcfile
import numpy as np
import pytest

from napari_hydrapicker.errors import HydraPickerError, ParameterError, WeightsError
from napari_hydrapicker.evaluation.evaluate import evaluate
from napari_hydrapicker.io.micrograph import Micrograph, open_micrograph
from napari_hydrapicker.picking.base import Picker
from napari_hydrapicker.picking.library import HOME_VARIABLE
from napari_hydrapicker.picking.pick import PickingWarning, load_network, pick
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.simulation.sample import Sample, simulate


@pytest.fixture(scope="module")
def made() -> Sample:
    return simulate(shape=(360, 600), seed=1)


@pytest.fixture(scope="module")
def network() -> Picker:
    return load_network(device="cpu")


def same(first: Picks, second: Picks) -> bool:
    return np.array_equal(first.yx, second.yx) and np.array_equal(first.score, second.score)


def test_whatever_holds_the_pixels_has_the_same_picks(made: Sample, network: Picker, tmp_path: Path) -> None:
    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_data(made.image)
        file.voxel_size = 3.0
    picks = pick(made.micrograph, 180, network=network)
    assert len(picks) > 3
    assert (picks.score >= network.threshold).all()
    assert (np.diff(picks.score) <= 0).all()
    assert picks.diameter_px == 60
    layer = SimpleNamespace(
        data=made.image, name="ice", scale=(1, 1), metadata={"pixel_size_angstrom": 3.0}, rgb=False
    )
    for source in (tmp_path / "a.mrc", str(tmp_path / "a.mrc"), open_micrograph(tmp_path / "a.mrc"), layer):
        assert same(picks, pick(source, 180, network=network)), source
    for source in (made.image, layer, tmp_path / "a.mrc"):
        assert not same(picks, pick(source, 180, 4.0, network=network)), "the pixel size that is given counts"


def test_a_network_is_loaded_where_none_is_given(made: Sample, network: Picker) -> None:
    assert same(
        pick(made.micrograph, 180, network=network),
        pick(made.image, 180, 3.0, picker="hydra", head="generic", device="cpu"),
    )
    marked = pick(made.micrograph, 180, picker="cgan", device="cpu", threshold=0)
    assert evaluate(marked, made.picks, 180, made.micrograph).f1 > 0.5


def test_all_candidates_are_what_evaluation_wants(made: Sample, network: Picker) -> None:
    picks = pick(made.micrograph, 180, network=network, threshold=0, border_angstrom=0)
    assert evaluate(picks, made.picks, 180, made.micrograph).ap > 0.8
    few = pick(made.micrograph, 180, network=network, threshold=0.9, border_angstrom=0)
    assert same(few, picks.above(0.9))
    inner = pick(made.micrograph, 180, network=network, threshold=0, border_angstrom=240)
    assert len(inner)
    assert ((inner.yx >= 80) & (inner.yx <= np.array([279, 519]))).all()


def test_light_particles_are_noticed(made: Sample, network: Picker) -> None:
    turned = Micrograph.from_array(-made.image, 3.0, "stain")
    with pytest.warns(PickingWarning, match="stain: the particles seem to be light"):
        found = pick(turned, 180, network=network)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert same(found, pick(turned, 180, network=network, contrast="light"))
        assert len(pick(turned, 180, network=network, contrast="dark")) < len(found)
    np.testing.assert_allclose(found.yx, pick(made.micrograph, 180, network=network).yx, atol=1)


def test_the_best_quality_is_another_answer(made: Sample, network: Picker) -> None:
    quick, best = (
        pick(made.micrograph, 180, network=network, contrast="dark", quality=one) for one in ("fast", "best")
    )
    assert abs(len(quick) - len(best)) <= 3
    assert not same(quick, best)
    assert network.quality == "fast", "the loaded network stays as it was"  # type: ignore[union-attr]


def test_the_mask_can_be_left_out(network: Picker) -> None:
    """Film as dark as carbon covers the left half."""
    made = simulate(shape=(600, 800), seed=1)
    image = made.image.copy()
    image[:, :400] -= 6 * image.std()
    masked, unmasked = (
        pick(image, 180, 3.0, network=network, contrast="dark", use_mask=use, threshold=0)
        for use in (True, False)
    )
    assert not (masked.x < 360).any()
    assert (unmasked.x < 360).sum() > 5


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"diameter_angstrom": 0}, "^`diameter_angstrom`: 0: .* greater than 0"),
        ({"diameter_angstrom": "180 A"}, "^`diameter_angstrom`: '180 A'"),
        ({"pixel_size_angstrom": None}, "^`pixel_size_angstrom`: array does not state it"),
        ({"pixel_size_angstrom": float("nan")}, "^`pixel_size_angstrom`: nan"),
        ({"threshold": 50}, "^`threshold`: 50 is not a number from 0 to 1"),
        ({"border_angstrom": -1}, "^`border_angstrom`: -1"),
        ({"contrast": "grey"}, "^`contrast`: 'grey': .*'auto', 'dark' or 'light'"),
        ({"quality": "good"}, "^`quality`: 'good'"),
        ({"picker": "topaz"}, "^`picker`: 'topaz' is not one of hydra, cgan"),
        ({"head": "unknown"}, "no head called 'unknown'"),
        ({"picker": "cgan", "head": "generic"}, "^`head`: the cGAN picker has none"),
        ({"picker": "cgan", "contrast": "light"}, "^`contrast`: 'light' is for HydraPicker's network alone"),
        ({"picker": "cgan", "quality": "best"}, "^`quality`: 'best' is for HydraPicker's network alone"),
        ({"micrograph": np.zeros((3, 40, 60))}, r"array: an array of shape \(3, 40, 60\)"),
        ({"micrograph": np.zeros((400, 600))}, "array: .*contrast"),
        ({"micrograph": "nowhere.mrc"}, r"^nowhere\.mrc: cannot be read"),
    ],
)
def test_what_is_wrong_is_named(given: dict[str, Any], complaint: str, made: Sample) -> None:
    usual = {"micrograph": made.image, "diameter_angstrom": 180, "pixel_size_angstrom": 3.0, "device": "cpu"}
    with pytest.raises(HydraPickerError, match=complaint):
        pick(**{**usual, **given})


def test_a_loaded_network_is_not_chosen_again(made: Sample, network: Picker) -> None:
    for name, value in {"picker": "hydra", "head": "generic", "device": "cpu", "weights": "a.st"}.items():
        with pytest.raises(ParameterError, match=f"^`{name}`: the network is loaded already"):
            pick(made.micrograph, 180, network=network, **{name: value})  # type: ignore[arg-type]


def test_generators_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    with pytest.raises(ParameterError, match="no generator called 'mine'"):
        load_network("cgan", weights="mine")
    (tmp_path / "generators").mkdir()
    (tmp_path / "generators" / "mine.safetensors").write_bytes(b"no generator at all")
    with pytest.raises(WeightsError, match=r"mine\.safetensors"):
        load_network("cgan", weights="mine")
