"""`hydrapicker demo`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from napari_hydrapicker.cli import demo as demo_module
from napari_hydrapicker.cli.main import run
from napari_hydrapicker.hydra import weights
from napari_hydrapicker.hydra.network import Architecture, HydraPicker
from napari_hydrapicker.hydra.weights import Metadata
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.io.micrograph import open_micrograph
from napari_hydrapicker.picking import library, model_files
from napari_hydrapicker.picks import Picks, Source
from napari_hydrapicker.simulation import sample


@dataclass
class Made:
    image: np.ndarray
    picks: Picks
    pixel_size_angstrom: float = 3.0
    diameter_angstrom: float = 126.0


def simulated(seed: int = 1) -> Made:
    rng = np.random.default_rng(seed)
    image = rng.normal(0, 5, (300, 480)).astype(np.float32)
    return Made(image, Picks(rng.uniform(40, 260, (8, 2)), source=np.full(8, Source.IMPORTED)))


@pytest.fixture(autouse=True)
def _tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tiny network in place of the bundled one, noise in place of the simulation."""
    torch.manual_seed(2)
    model = HydraPicker(Architecture(channels=4, groups=4))
    with torch.no_grad():
        model.head().output.bias[0] = 0  # type: ignore[index, union-attr]
    path = tmp_path / "tiny.safetensors"
    weights.save(model, path, Metadata(thresholds={"generic": 0.25}))
    for module in (library, model_files):
        monkeypatch.setattr(module, "bundled_path", lambda: path)
    monkeypatch.setattr(sample, "sample_micrograph", simulated)


def test_it_leaves_coordinates_and_a_picture_and_says_the_ap(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(["demo", "--no-viewer", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "AP 0." in said
    for name in ("demo.mrc", "demo_autopick.star", "demo.box", "demo_overlay.png"):
        assert (out / name).is_file()
        assert str(out / name) in said.replace("\n", "")
    assert open_micrograph(out / "demo.mrc").shape == (300, 480)
    assert open_micrograph(out / "demo.mrc").pixel_size_angstrom == pytest.approx(3)
    star, box = (formats.read(out / name)["demo"] for name in ("demo_autopick.star", "demo.box"))
    assert len(star) == len(box) > 0
    assert star.x.max() > 300
    with Image.open(out / "demo_overlay.png") as picture:
        assert picture.width > picture.height


def test_it_can_be_run_again_with_another_seed(tmp_path: Path) -> None:
    contents = []
    for seed in ("1", "2"):
        assert run(["demo", "--no-viewer", "--out", str(tmp_path / "out"), "--seed", seed]) == 0
        contents.append((tmp_path / "out" / "demo.mrc").read_bytes())
    assert contents[0] != contents[1]


@pytest.mark.parametrize(("display", "shown"), [(True, 1), (False, 0)])
def test_the_viewer_opens_where_there_is_a_display(
    display: bool, shown: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[object, ...]] = []
    monkeypatch.setattr(demo_module, "_can_show", lambda: display)
    monkeypatch.setattr(demo_module, "_show", lambda *arguments: calls.append(arguments))
    assert run(["demo", "--out", str(tmp_path / "out")]) == 0
    assert len(calls) == shown


@pytest.mark.parametrize("seed", ["-1", str(2**70)])
def test_seeds_that_are_none(seed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "--no-viewer", "--out", str(tmp_path / "out"), "--seed", seed]) == 2
    assert f"--seed {seed}: give" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert run(["demo", "--no-viewer", "--out", str(tmp_path / "file" / "out")]) == 2
    assert "cannot be written" in capsys.readouterr().err
    (tmp_path / "out" / "demo.mrc").mkdir(parents=True)
    assert run(["demo", "--no-viewer", "--out", str(tmp_path / "out")]) == 2
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["demo.mrc"], "no half file stays"
