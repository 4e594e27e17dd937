"""The picker that the options of `hydrapicker pick` name."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch

from napari_hydrapicker.cgan import weights as generator_file
from napari_hydrapicker.cgan.networks import Generator
from napari_hydrapicker.cgan.weights import GeneratorMetadata
from napari_hydrapicker.cli.options import ContrastName, PickerName, Quality
from napari_hydrapicker.cli.pick_loading import identified, picker_spec
from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.hydra.bundled import bundled_path
from napari_hydrapicker.picking.head_library import HOME_VARIABLE
from napari_hydrapicker.picking.loading import load_picker
from napari_hydrapicker.picking.model_files import user_generators
from napari_hydrapicker.picking.parameters import CGanSpec, HydraSpec

HYDRA, CGAN = PickerName.HYDRA, PickerName.CGAN


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("picker", "options", "said"),
    [
        (CGAN, {"head": "generic"}, "--head: not for --picker cgan"),
        (CGAN, {"library": Path("heads")}, "--library: not for --picker cgan"),
        (CGAN, {"tile": 512}, "--tile: not for --picker cgan"),
        (CGAN, {"quality": Quality.BEST}, "--quality: not for --picker cgan"),
        (CGAN, {"contrast": ContrastName.LIGHT}, "--contrast: not for --picker cgan"),
        (HYDRA, {"no_split": True}, "--no-split: not for --picker hydra"),
    ],
)
def test_options_of_the_other_picker_are_refused(
    picker: PickerName, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ParameterError, match=said):
        picker_spec(picker, **options)


def test_its_own_options_are_in_the_specification(tmp_path: Path) -> None:
    given = picker_spec(HYDRA, tmp_path / "net", "x", tmp_path, 512, False, Quality.BEST, ContrastName.LIGHT)
    assert given == HydraSpec(
        weights=tmp_path / "net", head="x", libraries=(tmp_path,), contrast="light", quality="best",
        tile_wpx=512,
    )  # fmt: skip
    assert picker_spec(HYDRA) == HydraSpec()
    assert picker_spec(CGAN, no_split=True) == CGanSpec(split=False)


def test_the_bundled_network_is_known_by_its_file() -> None:
    network, head = identified(picker_spec(HYDRA))
    assert network.sha256 == sha256(bundled_path())
    assert head is not None
    assert (head.name, head.sha256) == ("generic", None)


def test_a_generator_is_known_by_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    torch.manual_seed(6)
    path = tmp_path / "tiny.safetensors"
    generator_file.save(Generator(4), path, GeneratorMetadata(threshold=0.25))
    user_generators().add(path, "mine")
    for weights in (path, Path("mine")):
        spec = picker_spec(CGAN, weights)
        assert load_picker(spec, "cpu").threshold == 0.25
        generator, head = identified(spec)
        assert generator.sha256 == sha256(path)
        assert head is None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"head": ""}, "no head called ''"),  # as from a variable of the shell that is not set
        ({"head": "mine", "library": Path("nowhere")}, "--library nowhere: no such folder"),
    ],
)
def test_what_was_mistyped_is_not_passed_over(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        load_picker(picker_spec(HYDRA, **changed), "cpu")
