"""`hydrapicker finetune`, then `pick --head`, with a tiny network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
import torch

from napari_hydrapicker.cli.main import run
from napari_hydrapicker.hydra import weights
from napari_hydrapicker.hydra.network import Architecture, HydraPicker
from napari_hydrapicker.hydra.weights import Metadata
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.picking.library import HOME_VARIABLE, user_library
from napari_hydrapicker.picks import Picks, Source
from napari_hydrapicker.training import finetune as job
from napari_hydrapicker.training.validation import HeadScores


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two micrographs with picks, a network, and a library of one's own."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    torch.manual_seed(0)
    small = HydraPicker(Architecture(channels=4, groups=4))
    weights.save(small, tmp_path / "net.safetensors", Metadata(calibration={"generic": (1.0, 6.0)}))
    (tmp_path / "picks").mkdir()
    for i in (1, 2):
        rng = np.random.default_rng(i)
        with mrcfile.new(tmp_path / f"m{i}.mrc") as mrc:
            mrc.set_data(rng.normal(size=(160, 240)).astype(np.float32))
            mrc.voxel_size = 2.0
        yx, score = rng.uniform(20, 140, (12, 2)), np.linspace(0.1, 0.99, 12, dtype=np.float32)
        picks = Picks(yx, score, np.full(12, Source.PICKER))
        formats.write({f"m{i}": picks}, tmp_path / "picks", "star")
    return tmp_path


def finetune(folder: Path, *options: str, micrographs: tuple[str, ...] = ("m1.mrc", "m2.mrc")) -> int:
    paths = [str(folder / name) for name in micrographs]
    fixed = [
        "--picks", str(folder / "picks"), "--diameter", "84", "--name", "mine", "--steps", "2",
        "--weights", str(folder / "net.safetensors"), "--device", "cpu", "--memory", "0.001",
    ]  # fmt: skip
    return run(["finetune", *paths, *fixed, *options])


def test_a_head_is_made_kept_and_picked_with(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert finetune(folder) == 0
    said = capsys.readouterr().out
    assert "2 micrographs, 24 particles" in said
    assert "AP on held-out micrographs: generic head" in said
    record = user_library().record("mine")
    assert record.diameter_angstrom == 84
    assert not record.partial
    out = folder / "out"
    pick = ["pick", str(folder / "m1.mrc"), "--diameter", "84", "--device", "cpu", "--threshold", "0"]
    pick += ["--weights", str(folder / "net.safetensors")]
    assert run([*pick, "--out", str(out), "--head", "mine"]) == 0
    file = str(user_library().path("mine"))
    assert run([*pick, "--out", str(folder / "out2"), "--head", file]) == 0
    first, second = ((folder / name / "m1_autopick.star").read_bytes() for name in ("out", "out2"))
    assert first == second


def test_marks_alone_do_not_tell_which_head_is_better(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert finetune(folder, "--partial") == 0
    said = capsys.readouterr().out
    assert "AP on the marks of held-out micrographs: generic head" in said
    assert "they do not tell which head is better" in said
    assert user_library().record("mine").partial


@pytest.mark.parametrize(
    ("gain", "error", "words"),
    [(0.2, 0.1, None), (0.2, 0.3, "may be chance (standard error 0.300)"), (-0.1, 0.3, "is no better than")],
)
def test_it_says_whether_the_new_head_is_better(
    gain: float, error: float, words: str | None, folder: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    made = job.finetune

    def measured(*given: Any, **options: Any) -> Any:
        result, record = made(*given, **options)
        before, after = (
            HeadScores(np.arange(10.0), np.arange(10) < found, 10) for found in (5, 5 + round(10 * gain))
        )
        return replace(result, before=before, after=after, error=error), record

    monkeypatch.setattr(job, "finetune", measured)
    assert finetune(folder) == 0
    said = capsys.readouterr().out
    assert ("may be chance" in said or "no better" in said) is (words is not None)
    assert words is None or words in said


def test_a_name_that_is_taken_costs_no_training(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert finetune(folder) == 0
    capsys.readouterr()
    assert finetune(folder) == 2
    assert "already" in capsys.readouterr().err
    assert finetune(folder, "--overwrite", "--partial", micrographs=("m1.mrc",)) == 0
    assert user_library().record("mine").partial


def test_the_networks_own_heads_are_not_shadowed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, metadata = weights.load(folder / "net.safetensors")
    model.add_head("mine")
    weights.save(model, folder / "net.safetensors", metadata)
    assert finetune(folder) == 2
    assert "'mine' of its own" in capsys.readouterr().err


def test_a_threshold_leaves_picks_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert finetune(folder, "--threshold", "0.5", "--rejected", str(folder / "picks")) == 0
    assert "2 micrographs, 14 particles" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "micrographs", "message"),
    [
        (["--diameter", "-3"], ("m1.mrc",), "--diameter -3"),
        (["--threshold", "2"], ("m1.mrc",), "--threshold 2"),
        (["--steps", "0"], ("m1.mrc",), "--steps 0"),
        (["--memory", "0"], ("m1.mrc",), "--memory 0"),
        (["--memory", "inf"], ("m1.mrc",), "--memory inf"),
        (["--seed", "-1"], ("m1.mrc",), "--seed -1"),
        (["--name", "a b"], ("m1.mrc",), "name"),
        (["--picks", "nowhere"], ("m1.mrc",), "nowhere"),
        (["--weights", "none.safetensors"], ("m1.mrc",), "none.safetensors"),
        ([], ("m3.mrc",), "m3.mrc"),
    ],
)
def test_bad_input_exits_with_2_and_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], options: list[str], micrographs: tuple[str, ...],
    message: str,
) -> None:  # fmt: skip
    assert finetune(folder, *options, micrographs=micrographs) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert not user_library().folder.exists()


def test_a_micrograph_without_picks_is_skipped_and_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "m3.mrc").write_bytes((folder / "m1.mrc").read_bytes())
    (folder / "m1.mrc").rename(folder / "m1_DW.mrc")
    assert finetune(folder, "--match", micrographs=("m1_DW.mrc", "m3.mrc")) == 0
    told = capsys.readouterr()
    assert "no picks for m3: skipped" in told.err
    assert "m1_DW  =  m1  (without prefixes and suffixes)" in told.out
    assert "1 micrograph, 12 particles" in told.out
    assert finetune(folder, micrographs=("m3.mrc",)) == 2
    assert "no picks for m3; are these the right micrographs?" in capsys.readouterr().err


def test_a_micrograph_without_pixel_size_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with mrcfile.open(folder / "m1.mrc", "r+") as mrc:
        mrc.voxel_size = 0
    assert finetune(folder) == 2
    assert "--pixel-size" in capsys.readouterr().err
    assert finetune(folder, "--pixel-size", "2") == 0


def test_a_folder_that_takes_no_head_costs_no_training(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(*arguments: object, **options: object) -> None:
        raise AssertionError("trained in vain")

    monkeypatch.setattr("napari_hydrapicker.training.finetune.finetune", train)
    (folder / "lost").symlink_to(folder / "moved")
    assert finetune(folder, "--library", str(folder / "lost" / "heads")) == 2
    assert "lost/heads: cannot be written" in capsys.readouterr().err


def test_a_micrograph_is_not_trained_on_and_held_out(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "copy").mkdir()
    (folder / "copy" / "m1.mrc").write_bytes((folder / "m1.mrc").read_bytes())
    assert finetune(folder, micrographs=("m1.mrc", "copy/m1.mrc")) == 2
    assert "cannot be told which micrographs (" in capsys.readouterr().err
    (folder / "link").mkdir()
    (folder / "link" / "m1.mrc").symlink_to(folder / "m1.mrc")
    assert finetune(folder, micrographs=("m1.mrc", "link/m1.mrc")) == 0
    assert capsys.readouterr().out.startswith("1 micrograph, 12 particles")


def test_picks_of_one_name_are_not_mixed_up(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "picks" / "old").mkdir()
    text = (folder / "picks" / "m1_autopick.star").read_text()
    (folder / "picks" / "old" / "m1_autopick.star").write_text(text)
    assert finetune(folder) == 2
    assert "which micrographs (m1) belong to which picks in" in capsys.readouterr().err


def test_picks_made_on_another_image_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    yx = formats.read(folder / "picks" / "m1_autopick.star")["m1"].yx
    formats.write({"m1": Picks(4 * yx)}, folder / "unbinned", "star")
    for options in (["--picks"], ["--partial", "--rejected"]):
        assert finetune(folder, *options, str(folder / "unbinned"), micrographs=("m1.mrc",)) == 2
        said = capsys.readouterr().err
        assert "unbinned: " in said
        assert "lie outside the 160 x 240 pixels of" in said
        assert said.count("\n") == 1
    assert finetune(folder, "--rejected", str(folder / "unbinned"), micrographs=("m2.mrc",)) == 2
    assert "no picks for any of the micrographs" in capsys.readouterr().err


@pytest.mark.filterwarnings("always:.* is less than 12 pixels across")
def test_a_scale_that_is_seldom_meant_is_doubted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert finetune(folder, "--diameter", "22", micrographs=("m1.mrc",)) == 0
    said = capsys.readouterr()
    assert "less than 12 pixels across" in said.err
    assert "are --diameter, the pixel size and the positions right?" in said.out


def test_a_damaged_file_of_that_name_costs_no_training(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    user_library().folder.mkdir(parents=True)
    (user_library().folder / "mine.safetensors").write_bytes(b"damaged")
    assert finetune(folder) == 2
    assert "there is a head called 'mine' already" in capsys.readouterr().err


def test_a_name_given_away_meanwhile_does_not_cost_the_head(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = job.finetune

    def train(*arguments: Any, **options: Any) -> Any:
        (user_library().folder / "mine.safetensors").write_bytes(b"another")
        return trained(*arguments, **options)

    monkeypatch.setattr(job, "finetune", train)
    assert finetune(folder) == 0
    said = capsys.readouterr().out
    assert "'mine' was given to another head meanwhile; this one is 'mine-2'" in said
    assert user_library().record("mine-2").name == "mine-2"
    assert (user_library().folder / "mine.safetensors").read_bytes() == b"another"


def test_an_interruption_leaves_no_head(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(job, "finetune", train)
    assert finetune(folder) == 130
    assert capsys.readouterr().err == "hydrapicker: warning: interrupted: no head was made\n"
    assert user_library().names() == []
