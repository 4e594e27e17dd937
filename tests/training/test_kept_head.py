"""A head by one call, with a tiny network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest

from napari_hydrapicker.errors import HydraPickerError, ParameterError
from napari_hydrapicker.hydra import weights
from napari_hydrapicker.hydra.network import HydraPicker
from napari_hydrapicker.hydra.weights import Metadata
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picking.library import HOME_VARIABLE, user_library
from napari_hydrapicker.picking.pick import pick
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.training.kept_head import finetune


def image(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(160, 240)).astype(np.float32)


def particles(seed: int, number: int = 12) -> Picks:
    return Picks(np.random.default_rng(seed).uniform(20, 140, (number, 2)))


@pytest.fixture
def given(tmp_path: Path, model: HydraPicker, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Two micrographs, one in a file and one in memory, and a network; the library is empty."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    weights.save(model, tmp_path / "net.safetensors", Metadata())
    with mrcfile.new(tmp_path / "m1.mrc") as mrc:
        mrc.set_data(image(1))
        mrc.voxel_size = 2.0
    return {
        "corrected": [
            (tmp_path / "m1.mrc", particles(1)),
            (Micrograph.from_array(image(2), 2.0, "m2"), particles(2, 14)),
        ],
        "diameter_angstrom": 84,
        "name": "mine",
        "weights": tmp_path / "net.safetensors",
        "device": "cpu",
        "steps": 2,
    }


def test_a_head_is_kept_and_picked_with(given: dict[str, Any]) -> None:
    stages = set()
    head = finetune(**given, report=lambda progress: stages.add(progress.stage))
    assert stages == {"features", "training"}
    assert (head.name, head.path) == ("mine", user_library().path("mine"))
    kept = user_library().record("mine")
    assert kept == head.record
    assert {(one.name, one.use, one.particles) for one in kept.micrographs} == {
        ("m1", "validation", 12), ("m2", "training", 14)
    }  # fmt: skip
    assert repr(head).startswith("<head 'mine': AP 0.")
    assert 0 <= head.ap_before <= 1
    assert head.better in (True, False)
    options = {"weights": given["weights"], "device": "cpu", "threshold": 0, "contrast": "dark"}
    by_name = pick(image(3), 84, 2.0, head="mine", **options)
    by_file = pick(image(3), 84, 2.0, head=head.path, **options)
    assert len(by_name)
    np.testing.assert_array_equal(by_name.yx, by_file.yx)


def test_a_library_of_ones_own_and_partial_corrections(given: dict[str, Any], tmp_path: Path) -> None:
    options = {**given, "library": tmp_path / "heads", "complete": False}
    head = finetune(**options, rejected=[particles(5, 3), None])
    assert head.path == tmp_path / "heads" / "mine.safetensors"
    assert head.record.partial
    assert head.better is None
    with pytest.raises(ParameterError, match=r"^`name`: there is a head called 'mine' already"):
        finetune(**options)
    assert finetune(**options, overwrite=True).path == head.path


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"corrected": []}, "^`corrected`: there are no micrographs"),
        ({"corrected": [image(1)]}, "^`corrected`: give pairs"),
        ({"corrected": [(image(1), particles(1))]}, "^`pixel_size_angstrom`: array does not state it"),
        (
            {"corrected": [(image(1), particles(1)), (image(2), particles(2))], "pixel_size_angstrom": 2},
            "^`corrected`: two micrographs are called array",
        ),
        ({"corrected": [("nowhere.mrc", particles(1))]}, "nowhere.mrc: cannot be read"),
        ({"rejected": [None]}, "^`rejected`: 1 for 2 micrographs"),
        ({"diameter_angstrom": -84}, "^`diameter_angstrom`: -84"),
        ({"steps": 0}, "^`steps`: 0"),
        ({"seed": -1}, "^`seed`: -1"),
        ({"device": "abacus"}, "abacus"),
        ({"name": "my head"}, "'my head' cannot be the name of a head"),
        ({"name": "generic"}, "'generic' of its own"),
    ],
)
def test_what_is_wrong_is_named_before_anything_is_trained(
    changes: dict[str, Any], complaint: str, given: dict[str, Any]
) -> None:
    with pytest.raises(HydraPickerError, match=complaint):
        finetune(**{**given, **changes}, report=lambda progress: pytest.fail("it was trained"))
    assert not user_library().names()


def test_particles_outside_their_micrograph_are_refused(given: dict[str, Any]) -> None:
    far = Picks(particles(1).yx * 4)
    pairs = [(given["corrected"][0][0], far)]
    with pytest.raises(ParameterError, match=r"m1: .* positions lie outside the 160 x 240 pixels"):
        finetune(**{**given, "corrected": pairs})
