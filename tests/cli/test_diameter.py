"""`hydrapicker diameter`, and what `pick` says of contrast and diameter, with the bundled network."""

from __future__ import annotations

from pathlib import Path

import mrcfile
import numpy as np
import pytest

from napari_hydrapicker.cli.main import run
from napari_hydrapicker.picking.hydra import HydraNetPicker
from napari_hydrapicker.picking.parameters import HydraSpec
from napari_hydrapicker.picking.prepared_run import looked_at
from napari_hydrapicker.simulation.conditions import Conditions
from napari_hydrapicker.simulation.micrograph import simulate
from napari_hydrapicker.simulation.procedural import procedural_complex
from napari_hydrapicker.simulation.projection import make_species

PIXEL = 6.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Micrographs of a complex of 200 A that nobody can miss, as they are and turned over."""
    out = tmp_path_factory.mktemp("plain")
    species = make_species(procedural_complex(3, 200.0), 20)
    plain = Conditions(
        density=0.2, dose_per_square_angstrom=60, structural_noise=0.2, fragments=0, signal=1.5
    )
    for i in range(4):
        image = simulate(species, (340, 460), PIXEL, plain, i).image.numpy()
        for kind, sign in (("dark", 1), ("light", -1)):
            (out / kind).mkdir(exist_ok=True)
            with mrcfile.new(out / kind / f"{i}.mrc") as file:
                file.set_data(sign * image)
                file.voxel_size = PIXEL
    return out


@pytest.mark.parametrize("kind", ["dark", "light"])
def test_the_diameter_is_estimated(kind: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diameter", str(folder / kind), "--number", "1", "--device", "cpu"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.endswith(f"A, particles {kind}")
    assert 140 < float(last.split()[1]) < 290


def test_where_nothing_is_there_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with mrcfile.new(tmp_path / "noise.mrc") as file:
        file.set_data(np.random.default_rng(0).normal(size=(300, 400)).astype(np.float32))
        file.voxel_size = PIXEL
    assert run(["diameter", str(tmp_path), "--diameter", "200", "--device", "cpu"]) == 2
    assert "hardly a particle is found" in capsys.readouterr().err


@pytest.mark.parametrize("options", [("--diameter", "-3"), ("--number", "0"), ("--pixel-size", "nan")])
def test_options_that_make_no_sense(
    options: tuple[str, str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["diameter", str(folder / "dark"), *options]) == 2
    assert options[0] in capsys.readouterr().err


def test_picking_light_particles_says_so_and_finds_them(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = {}
    for kind in ("dark", "light"):
        out = tmp_path / kind
        micrographs = str(folder / kind / "0.mrc")
        assert run(["pick", micrographs, "--diameter", "200", "--out", str(out), "--device", "cpu"]) == 0
        said = capsys.readouterr()
        assert ("light on a dark background" in said.err) is (kind == "light")
        counts[kind] = int((out / "summary.csv").read_text().splitlines()[1].split(",")[1])
    assert counts["dark"] > 5
    assert abs(counts["dark"] - counts["light"]) <= 0.2 * counts["dark"]


def test_picking_at_a_wrong_diameter_names_a_better_one(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--out", str(tmp_path / "out"), "--device", "cpu"]
    assert run(["pick", str(folder / "dark"), "--diameter", "520", *options]) == 0
    said = capsys.readouterr().err
    assert "a diameter of 520 A does not seem to fit" in said
    better = float(said.split("at about ")[1].split()[0])
    assert 140 < better < 300


@pytest.mark.parametrize(("diameter", "told"), [(200.0, False), (170.0, False), (260.0, True), (100.0, True)])
def test_a_head_at_another_diameter_is_said(diameter: float, told: bool) -> None:
    picker = HydraNetPicker.load(device="cpu")
    picker.head_diameter_angstrom = 200.0
    _, _, remarks = looked_at(picker, HydraSpec(contrast="dark"), [], diameter)
    assert ("was trained at a diameter of 200 A" in "".join(remarks)) is told
