"""`hydrapicker cgan train`, with the smallest of networks."""

from __future__ import annotations

from pathlib import Path

import mrcfile
import numpy as np
import pytest

from napari_hydrapicker.cgan import weights
from napari_hydrapicker.cli.main import run
from napari_hydrapicker.training import cgan_publish

SMALL = ("--steps", "2", "--batch", "1", "--size", "64", "--width", "2", "--device", "cpu")


@pytest.fixture(autouse=True)
def _few_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgan_publish, "HELD_OUT_PAIRS", 1)


def train(out: Path, *options: str | Path) -> int:
    return run(["cgan", "train", "--out", str(out), *SMALL, *map(str, options)])


@pytest.fixture
def micrographs(tmp_path: Path) -> Path:
    """A folder of two micrographs of noise."""
    folder = tmp_path / "in"
    folder.mkdir()
    for seed, name in enumerate(("a", "b")):
        with mrcfile.new(folder / f"{name}.mrc") as file:
            file.set_data(np.random.default_rng(seed).normal(0, 9, (300, 480)).astype(np.float32))
            file.voxel_size = 2.0
    return folder


def test_two_steps_make_a_generator(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(tmp_path, "--loss", "cross-entropy", "--seed", "3", "--rate", "0.002") == 0
    said = capsys.readouterr().out
    assert "backgrounds: simulated noise; ever new pairs of 64 x 64" in said
    assert "step 2/2" in said
    assert "cgan.safetensors" in said
    generator, meta = weights.load(tmp_path / "cgan.safetensors")
    assert generator.width == 2
    assert meta.loss == "cross-entropy"
    parameters = meta.training["parameters"]
    assert isinstance(parameters, dict)
    assert (parameters["seed"], parameters["learning_rate"], parameters["batch_size"]) == (3, 0.002, 1)
    assert train(tmp_path, "--loss", "cross-entropy", "--seed", "3", "--rate", "0.002") == 0
    assert "step 2/2" not in capsys.readouterr().out  # all steps are done


def test_backgrounds_and_number_of_ones_own_micrographs(
    tmp_path: Path, micrographs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = (micrographs, "--diameter", "80", "--number", "30", "--pairs", "2")
    assert train(tmp_path / "out", *options, "--simulated", "0.25") == 0
    assert "backgrounds: 2 micrographs; 2 pairs" in capsys.readouterr().out
    training = weights.read_metadata(tmp_path / "out" / "cgan.safetensors").training
    assert (training["background_micrographs"], training["simulated_share"]) == (2, 0.25)
    assert training["pairs"] == 2
    # 80 Angstrom are 40 pixels: the working image has 150 x 240. Thirty shapes of 14 x 14 cover a sixth.
    synthesis = training["synthesis"]
    assert isinstance(synthesis, dict)
    assert synthesis["coverage"] == pytest.approx([0.5 / 5, 1.5 / 5], rel=0.15)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--diameter", "80"), "--diameter: only with micrographs"),
        (("--number", "80"), "--number: only with"),
        (("--simulated", "0.5"), "--simulated: only with"),
        (("x",), "give --diameter too"),
        (("x", "--diameter", "-1"), "--diameter -1"),
        (("x", "--diameter", "80", "--simulated", "2"), "--simulated 2"),
        (("none.mrc", "--diameter", "80"), "none.mrc"),
        (("--device", "abacus"), "--device abacus"),
        (("--pairs", "-1"), "-1 pairs"),
        (("--size", "16"), "16 x 16"),
        (("--width", "0"), "0 channels wide"),
        (("--steps", "0"), "steps of 0"),
        (("--views", "3"), "--views"),
    ],
)
def test_options_that_make_no_sense(
    tmp_path: Path, options: tuple[str, ...], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(tmp_path / "out", *options) == 2
    assert named in capsys.readouterr().err


def test_too_many_particles_for_a_micrograph(
    tmp_path: Path, micrographs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = (micrographs, "--diameter", "80", "--number", "1000")
    assert train(tmp_path / "out", *options) == 2
    assert "do not fit" in capsys.readouterr().err


def test_a_damaged_checkpoint_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "checkpoint.safetensors").write_bytes(b"damaged")
    assert train(tmp_path) == 2
    assert "checkpoint.safetensors" in capsys.readouterr().err


def test_each_picker_has_a_help_text_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "--help"]) == 0
    hydra = capsys.readouterr().out
    assert run(["cgan", "train", "--help"]) == 0
    cgan = capsys.readouterr().out
    assert "--lambda-bias" in hydra
    assert "--lambda-bias" not in cgan
    assert "--pairs" in cgan
    assert "--pairs" not in hydra
