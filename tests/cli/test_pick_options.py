"""The picker that the options of `hydrapicker pick` name."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
import typer

from napari_hydrapicker.cgan import weights as generator_file
from napari_hydrapicker.cgan.networks import Generator
from napari_hydrapicker.cgan.weights import GeneratorMetadata
from napari_hydrapicker.cli.pick_options import picker_spec, picking_options
from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.picking.base import load_picker
from napari_hydrapicker.picking.library import HOME_VARIABLE, bundled_path, user_generators
from napari_hydrapicker.picking.model_files import identified
from napari_hydrapicker.picking.parameters import CGanSpec, HydraSpec, NetworkSpec, PickParameters

HYDRA, CGAN = "hydra", "cgan"


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("picker", "options", "said"),
    [
        (CGAN, {"head": "generic"}, "--head: not for --picker cgan"),
        (CGAN, {"libraries": (Path("heads"),)}, "--library: not for --picker cgan"),
        (CGAN, {"tile_wpx": 512}, "--tile: not for --picker cgan"),
        (CGAN, {"quality": "best"}, "--quality: not for --picker cgan"),
        (CGAN, {"contrast": "light"}, "--contrast: not for --picker cgan"),
        (HYDRA, {"split": False}, "--no-split: not for --picker hydra"),
    ],
)
def test_options_of_the_other_picker_are_refused(picker: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        picker_spec(picker, **options)


def test_its_own_options_are_in_the_specification(tmp_path: Path) -> None:
    given = picker_spec(
        HYDRA, weights=tmp_path / "net", head="x", libraries=(tmp_path,), tile_wpx=512, quality="best",
        contrast="light",
    )  # fmt: skip
    assert given == HydraSpec(
        weights=tmp_path / "net", head="x", libraries=(tmp_path,), contrast="light", quality="best",
        tile_wpx=512,
    )  # fmt: skip
    assert picker_spec(HYDRA) == HydraSpec()
    assert picker_spec(CGAN, split=False) == CGanSpec(split=False)


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
        spec = picker_spec(CGAN, weights=weights)
        assert load_picker(spec, "cpu").threshold == 0.25
        generator, head = identified(spec)
        assert generator.sha256 == sha256(path)
        assert head is None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"head": ""}, "no head called ''"),  # as from a variable of the shell that is not set
        ({"head": "mine", "libraries": (Path("nowhere"),)}, "--library nowhere: no such folder"),
    ],
)
def test_what_was_mistyped_is_not_passed_over(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        load_picker(picker_spec(HYDRA, **changed), "cpu")


def called(*arguments: str) -> dict[str, Any]:
    """What a command is called with by these arguments."""
    seen: dict[str, Any] = {}

    @picking_options
    def command(parameters: PickParameters, spec: NetworkSpec, out: str = "here") -> None:
        seen.update(parameters=parameters, spec=spec, out=out)

    app = typer.Typer()
    app.command()(command)
    app(list(arguments), standalone_mode=False)
    return seen


def test_every_field_is_an_option(tmp_path: Path) -> None:
    plain = called("--diameter", "180")
    assert plain == {"parameters": PickParameters(diameter_angstrom=180), "spec": HydraSpec(), "out": "here"}
    every = ["--diameter", "90", "--border", "5", "--min-distance", "70", "--no-mask", "--out", "there"]
    own = ["--head", "x", "--library", str(tmp_path), "--library", ".", "--quality", "best", "--tile", "512"]
    given = called(*every, *own, "--contrast", "auto")
    assert given["parameters"] == PickParameters(
        diameter_angstrom=90, border_angstrom=5, min_distance_angstrom=70, use_mask=False
    )
    assert given["spec"] == HydraSpec(
        head="x", libraries=(tmp_path, Path()), quality="best", tile_wpx=512, contrast="auto"
    )
    assert called("--diameter", "90", "--picker", "cgan", "--no-split")["spec"] == CGanSpec(split=False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--diameter", "-3"], "diameter_angstrom`: -3.0: it should be greater than 0"),
        (["--diameter", "90", "--border", "-1"], "border_angstrom`: -1.0: it should be greater"),
        (["--diameter", "90", "--picker", "cgan", "--head", "x"], "--head: not for --picker cgan"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: list[str], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        called(*arguments)
