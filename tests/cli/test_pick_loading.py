"""The picker that the options of `hydrapicker pick` name."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from napari_hydrapicker.cgan import weights as generator_file
from napari_hydrapicker.cgan.networks import Generator
from napari_hydrapicker.cgan.weights import GeneratorMetadata
from napari_hydrapicker.cli.pick_loading import Choice
from napari_hydrapicker.cli.pickers import PickerName
from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.hydra.bundled import bundled_path
from napari_hydrapicker.picking.head_library import HOME_VARIABLE
from napari_hydrapicker.picking.model_files import user_generators

HYDRA = Choice(PickerName.HYDRA, None, None, None, "cpu", None, False)
CGAN = replace(HYDRA, picker=PickerName.CGAN)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (replace(CGAN, head="generic"), "--head: not for --picker cgan"),
        (replace(CGAN, library=Path("heads")), "--library: not for --picker cgan"),
        (replace(CGAN, tile=512), "--tile: not for --picker cgan"),
        (replace(HYDRA, no_split=True), "--no-split: not for --picker hydra"),
    ],
)
def test_options_of_the_other_picker_are_refused(choice: Choice, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        choice.check()


@pytest.mark.parametrize(
    "choice",
    [HYDRA, replace(HYDRA, head="x", tile=512, library=Path("heads")), CGAN, replace(CGAN, no_split=True)],
)
def test_its_own_options_are_not(choice: Choice) -> None:
    choice.check()


def test_the_bundled_network_is_known_by_its_file() -> None:
    picker, network, head = HYDRA.load()
    assert 0 < picker.threshold < 1
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
        picker, generator, head = replace(CGAN, weights=weights).load()
        assert picker.threshold == 0.25
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
        replace(HYDRA, **changed).load()
