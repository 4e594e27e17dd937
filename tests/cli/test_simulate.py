"""`hydrapicker simulate`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_hydrapicker.cli.main import run
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.io.micrograph import open_micrograph
from napari_hydrapicker.simulation.procedural import procedural_complex

SMALL = ("--shape", "160x256", "--pixel-size", "4", "--density", "0.3")


def simulate(out: Path, *options: str, what: tuple[str, ...] = ("--procedural", "3")) -> int:
    return run(["simulate", *what, "--out", str(out), *SMALL, *options])


def test_it_writes_micrographs_and_their_true_centres(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert simulate(tmp_path / "new" / "out", "--count", "2", "--dose", "1000") == 0
    names = ["procedural-3_0001", "procedural-3_0002"]
    files = sorted(f.name for f in (tmp_path / "new" / "out").iterdir())
    assert files == sorted([f"{n}{e}" for n in names for e in (".mrc", "_autopick.star")])
    said = capsys.readouterr().out
    images = []
    for name in names:
        assert f"{name}.mrc" in said.replace("\n", "")
        micrograph = open_micrograph(tmp_path / "new" / "out" / f"{name}.mrc")
        assert micrograph.shape == (160, 256)
        assert micrograph.pixel_size_angstrom == pytest.approx(4)
        truth = formats.read(tmp_path / "new" / "out" / f"{name}_autopick.star")[name]
        assert len(truth) >= 5
        assert ((truth.yx > -0.5) & (truth.yx < (159.5, 255.5))).all()
        assert truth.x.max() > 160
        image = np.asarray(micrograph.pixels(), np.float32)
        rows, cols = np.ogrid[:160, :256]
        near = np.zeros(image.shape, bool)
        for y, x in truth.yx:
            near |= np.hypot(rows - y, cols - x) < 10
        assert image[near].mean() < image[~near].mean() - 0.5 * image[~near].std()
        images.append(image)
    assert not np.array_equal(*images)


def test_a_seed_is_one_set_of_micrographs(tmp_path: Path) -> None:
    for folder, seed in (("a", "5"), ("b", "5"), ("c", "6")):
        assert simulate(tmp_path / folder, "--seed", seed, "--random-conditions") == 0
    pixels = [
        np.asarray(open_micrograph(tmp_path / f / "procedural-3_0001.mrc").pixels()) for f in ("a", "b", "c")
    ]
    np.testing.assert_array_equal(pixels[0], pixels[1])
    assert not np.array_equal(pixels[0], pixels[2])


def test_a_structure_from_a_file(tmp_path: Path) -> None:
    cloud = procedural_complex(1, 140.0)
    path = tmp_path / "mine.npz"
    np.savez(path, xyz=cloud.xyz_angstrom, Z=np.full(len(cloud.weight), 7))
    assert simulate(tmp_path / "out", what=(str(path),)) == 0
    truth = formats.read(tmp_path / "out" / "mine_0001_autopick.star")
    assert len(truth["mine_0001"]) > 0


@pytest.mark.parametrize("at_random", [(), ("--random-conditions",)])
def test_values_that_are_given_are_used(
    tmp_path: Path, at_random: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert simulate(tmp_path, "--defocus", "2.34", *at_random) == 0
    assert "defocus 2.34 um" in capsys.readouterr().out


def test_random_conditions_differ_between_micrographs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert simulate(tmp_path, "--random-conditions", "--count", "3") == 0
    said = capsys.readouterr().out.replace("\n", " ")
    assert len({part.split(" um")[0] for part in said.split("defocus ")[1:]}) == 3


def test_density_is_particles_for_each_square_diameter(tmp_path: Path) -> None:
    counts = []
    for density in ("0.05", "0.5"):
        assert simulate(tmp_path / density, "--density", density) == 0
        name = "procedural-3_0001"
        counts.append(len(formats.read(tmp_path / density / f"{name}_autopick.star")[name]))
    assert counts[1] > 4 * counts[0] > 0


def test_files_that_exist_are_kept_unless_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    existing = tmp_path / "procedural-3_0002_autopick.star"
    existing.write_text("mine")
    assert simulate(tmp_path, "--count", "2") == 2
    assert "--overwrite" in capsys.readouterr().err
    assert [f.name for f in tmp_path.iterdir()] == [existing.name]
    assert existing.read_text() == "mine"
    assert simulate(tmp_path, "--count", "2", "--overwrite") == 0
    assert len(formats.read(existing)) == 1


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--shape", "100"), "--shape 100"),
        (("--shape", "100x20"), "--shape"),
        (("--shape", "99999x99999"), "--shape"),
        (("--count", "0"), "--count"),
        (("--seed", "-1"), "--seed -1: give"),
        (("--seed", str(2**70)), "--seed"),
        (("--pixel-size", "0"), "--pixel-size"),
        (("--pixel-size", "nan"), "--pixel-size"),
        (("--defocus", "-1"), "--defocus"),
        (("--dose", "0"), "--dose"),
        (("--density", "50"), "--density"),
        (("--pixel-size", "50"), "at least 10 px"),
        (("--pixel-size", "0.1"), "--shape"),
        (("structure.pdb",), "one of STRUCTURE and --procedural"),
        (("--procedural", "-4"), "--procedural"),
    ],
)
def test_options_that_make_no_sense(
    tmp_path: Path, options: tuple[str, ...], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert simulate(tmp_path / "out", *options) == 2
    error = capsys.readouterr().err
    assert named in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_neither_structure_nor_seed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate(tmp_path, what=()) == 2
    assert "--procedural SEED" in capsys.readouterr().err
    assert simulate(tmp_path, what=("--procedural", str(2**70))) == 2
    assert f"--procedural {2**70}: give" in capsys.readouterr().err


def test_a_structure_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate(tmp_path, what=(str(tmp_path / "none.cif"),)) == 2
    assert "no such file" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert simulate(tmp_path / "file" / "out") == 2
    assert "cannot be written" in capsys.readouterr().err
