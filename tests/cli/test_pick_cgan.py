"""`hydrapicker pick --picker cgan`."""

from __future__ import annotations

from pathlib import Path

import mrcfile
import numpy as np
import pytest
import torch

from napari_hydrapicker.cgan import weights as generator_file
from napari_hydrapicker.cgan.networks import Generator
from napari_hydrapicker.cgan.weights import GeneratorMetadata
from napari_hydrapicker.cli.main import run
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.picking import model_files
from napari_hydrapicker.picking.library import user_generators


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny generator that has learnt nothing, and marks here and there."""
    torch.manual_seed(6)
    made = Generator(4)
    with torch.no_grad():
        made(torch.rand(2, 1, 128, 128))
        torch.nn.init.normal_(made.last.weight, 0, 0.1)
        made.last.bias.fill_(0.1)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    generator_file.save(made, path, GeneratorMetadata(threshold=0.25, calibration=(100.0, 0.0, -1.0)))
    return path


@pytest.fixture
def micrograph(tmp_path: Path) -> Path:
    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_data(np.random.default_rng(0).normal(0, 9, (600, 960)).astype(np.float32))
        file.voxel_size = 2.0
    return tmp_path / "a.mrc"


def pick(out: Path, *arguments: str | Path) -> int:
    options = ("--picker", "cgan", "--out", out, "--device", "cpu", "--diameter", 60)
    return run(["pick", *map(str, options), *map(str, arguments)])


def test_its_picks_are_written_as_the_other_pickers(tmp_path: Path, micrograph: Path, weights: Path) -> None:
    out = tmp_path / "out"
    assert pick(out, micrograph, "--weights", weights, "--format", "star,box", "--overlay") == 0
    star = formats.read(out / "a_autopick.star")["a"]
    assert len(star) > 3
    assert star.x.max() > 600
    assert star.y.max() < 600
    assert (star.score >= 0.25).all()
    assert (star.score <= 1).all()
    assert formats.read(out / "a.box")["a"].yx == pytest.approx(star.yx, abs=1.5)
    assert {"summary.csv", "a_overlay.png"} <= {path.name for path in out.iterdir()}


def test_a_generator_made_in_the_window_is_known_by_name(
    tmp_path: Path,
    micrograph: Path,
    weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HYDRAPICKER_HOME", str(tmp_path / "home"))
    assert pick(tmp_path / "file", micrograph, "--weights", weights) == 0
    user_generators().add(weights, "mine")
    assert pick(tmp_path / "name", micrograph, "--weights", "mine") == 0
    found = [formats.read(tmp_path / one / "a_autopick.star")["a"].yx for one in ("file", "name")]
    assert np.array_equal(*found)
    capsys.readouterr()
    assert pick(tmp_path / "none", micrograph, "--weights", "yours") == 2
    error = capsys.readouterr().err
    assert "'yours'" in error
    assert "there are: mine" in error
    assert error.count("\n") == 1


def test_merged_marks_may_be_left_out(tmp_path: Path, micrograph: Path, weights: Path) -> None:
    found = []
    for name, options in (("split", ()), ("whole", ("--no-split",))):
        assert pick(tmp_path / name, micrograph, "--weights", weights, "--threshold", "0", *options) == 0
        found.append(formats.read(tmp_path / name / "a_autopick.star")["a"].yx)
    assert found[0].shape != found[1].shape


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--head", "generic"), "--head: not for --picker cgan"),
        (("--tile", "512"), "--tile: not for --picker cgan"),
        (("--picker", "hydra", "--no-split"), "--no-split: not for --picker hydra"),
        (("--picker", "mine"), "mine"),
        (("--weights", "nowhere.safetensors"), "nowhere.safetensors"),
    ],
)
def test_nonsense_is_refused_before_any_work(
    arguments: tuple[str, ...],
    said: str,
    tmp_path: Path,
    micrograph: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert pick(tmp_path / "out", micrograph, *arguments) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_network_of_the_other_picker_is_refused(
    tmp_path: Path, micrograph: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pick(tmp_path / "out", micrograph, "--weights", weights, "--picker", "hydra") == 2
    assert "not a network of HydraPicker" in capsys.readouterr().err


def test_without_a_bundled_generator_one_must_be_given(
    tmp_path: Path,
    micrograph: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(model_files, "bundled_generator", lambda: None)
    assert pick(tmp_path / "out", micrograph) == 2
    assert "--weights" in capsys.readouterr().err
