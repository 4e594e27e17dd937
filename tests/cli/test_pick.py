"""`hydrapicker pick`."""

from __future__ import annotations

import csv
from pathlib import Path

import mrcfile
import numpy as np
import pytest
import torch

from napari_hydrapicker import formats
from napari_hydrapicker.cli.main import run
from napari_hydrapicker.hydra.metadata import Metadata
from napari_hydrapicker.hydra.model import Architecture, HydraPicker
from napari_hydrapicker.hydra.weights import save


def write_micrograph(path: Path, seed: int, pixel_size: float = 2.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with mrcfile.new(path) as file:
        file.set_data(np.random.default_rng(seed).normal(0, 9, (300, 480)).astype(np.float32))
        file.voxel_size = pixel_size
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny network that has learnt nothing, and finds every second cell worth picking."""
    torch.manual_seed(2)
    model = HydraPicker(Architecture(channels=4, groups=4))
    with torch.no_grad():
        model.head().output.bias[0] = 0  # type: ignore[index, union-attr]
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save(model, path, Metadata(thresholds={"generic": 0.25}))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of two non-square micrographs."""
    for seed, name in enumerate(("a", "b")):
        write_micrograph(tmp_path / "in" / f"{name}.mrc", seed)
    return tmp_path / "in"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def pick(out: Path, weights: Path, *arguments: str | Path) -> int:
    options = ["--out", out, "--weights", weights, "--device", "cpu", "--diameter", 84]
    return run(["pick", *map(str, options), *map(str, arguments)])


def summary(out: Path) -> list[dict[str, str]]:
    with (out / "summary.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_format_holds_the_same_picks(
    folder: Path, out: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pick(out, weights, folder, "--format", "star,box,cbox,topaz,csv", "--overlay") == 0
    names = {"a_autopick.star", "a.box", "a.cbox", "a_overlay.png", "picks.txt", "picks.csv", "summary.csv"}
    assert names <= {path.name for path in out.iterdir()}
    star = formats.read(out / "a_autopick.star")["a"]
    assert len(star) > 5
    assert 300 < star.x.max() < 480
    assert star.y.max() < 300
    assert (star.score >= 0.25).all()
    for path, tolerance in (("a.box", 1.5), ("a.cbox", 0.01), ("picks.txt", 0.51), ("picks.csv", 0.01)):
        other = formats.read(out / path)["a"]
        assert other.yx == pytest.approx(star.yx, abs=tolerance), path
    rows = summary(out)
    assert [row["micrograph"] for row in rows] == ["a", "b"]
    assert int(rows[0]["picks"]) == len(star)
    assert float(rows[0]["pixel_size_angstrom"]) == 2
    assert "2 micrographs" in capsys.readouterr().out


def test_patterns_thresholds_and_borders(folder: Path, out: Path, weights: Path) -> None:
    assert pick(out, weights, folder / "a*.mrc", "--threshold", "0", "--border", "160") == 0
    picks = formats.read(out / "a_autopick.star")["a"]
    assert len(picks)
    assert (picks.yx >= 80).all()
    assert (picks.yx <= [219, 399]).all()
    assert not (out / "b_autopick.star").exists()
    assert pick(out, weights, folder / "a.mrc", "--threshold", "1", "--overwrite") == 0
    assert summary(out)[0]["picks"] == "0"


def test_a_bad_file_does_not_stop_the_others(
    folder: Path, out: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "aa.mrc").write_bytes(b"no micrograph")
    with mrcfile.new(folder / "flat.mrc") as file:
        file.set_data(np.zeros((300, 480), np.float32))
        file.voxel_size = 2.0
    assert pick(out, weights, folder) == 2
    assert (out / "a_autopick.star").exists()
    assert (out / "b_autopick.star").exists()
    errors = capsys.readouterr().err
    assert "2 of 4 micrographs were not picked" in errors
    assert "aa.mrc" in errors
    assert "flat.mrc" in errors
    assert {row["micrograph"]: bool(row["error"]) for row in summary(out)} == {
        "aa.mrc": True, "flat": True, "a": False, "b": False,
    }  # fmt: skip


def test_a_missing_pixel_size(
    tmp_path: Path, out: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_micrograph(tmp_path / "none.mrc", 0, pixel_size=0.0)
    assert pick(out, weights, path) == 2
    assert "--pixel-size" in capsys.readouterr().err
    assert pick(out, weights, path, "--pixel-size", "2", "--overwrite") == 0
    assert len(formats.read(out / "none_autopick.star")["none"])


def test_results_are_not_replaced_unasked(
    folder: Path, out: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out.mkdir()
    (out / "b_autopick.star").write_text("precious")
    assert pick(out, weights, folder) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["b_autopick.star"]
    assert pick(out, weights, folder, "--overwrite") == 0
    assert "precious" not in (out / "b_autopick.star").read_text()


def test_micrographs_of_one_name_do_not_overwrite_each_other(
    folder: Path, out: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twin = write_micrograph(folder / "more" / "a.mrc", 9)
    assert pick(out, weights, folder, twin) == 2
    assert "shares its name" in capsys.readouterr().err
    assert len(summary(out)) == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--diameter", "-3"], "--diameter"),
        (["--pixel-size", "0"], "--pixel-size"),
        (["--threshold", "1.5"], "--threshold"),
        (["--border", "-1"], "--border"),
        (["--format", "star,doc"], "--format"),
        (["--format", ","], "--format"),
        (["--device", "abacus"], "abacus"),
        (["--head", "theirs"], "theirs"),
        (["--tile", "100"], "multiple of 16"),
        (["--weights", "nowhere.safetensors"], "nowhere.safetensors"),
    ],
)
def test_nonsense_is_refused_before_any_work(
    arguments: list[str],
    said: str,
    folder: Path,
    out: Path,
    weights: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert pick(out, weights, folder, *arguments) == 2
    assert said in capsys.readouterr().err
    assert not out.exists()


def test_an_unreadable_out_folder(
    folder: Path, tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert pick(tmp_path / "file" / "out", weights, folder) == 2
    assert "cannot be made" in capsys.readouterr().err
