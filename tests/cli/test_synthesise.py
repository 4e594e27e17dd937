"""`hydrapicker synthesise`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_hydrapicker.cli.main import run
from napari_hydrapicker.cli.simulate import write_mrc
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.io.micrograph import open_micrograph


def synthesise(out: Path, *options: str, shape: str = "96x160") -> int:
    return run(["synthesise", "--out", str(out), "--shape", shape, *options])


def pixels(path: Path) -> np.ndarray:
    return np.asarray(open_micrograph(path).pixels(), np.float32)


@pytest.fixture
def micrographs(tmp_path: Path) -> Path:
    """Folder with two noisy micrographs of 300 x 420 pixels at 2 A, each with dark discs 30 pixels across."""
    folder = tmp_path / "mics"
    for i in range(2):
        rng = np.random.default_rng(i)
        image = rng.normal(0, 1, (300, 420)).astype(np.float32)
        row, col = np.ogrid[:300, :420]
        for y, x in rng.uniform((30, 30), (270, 390), (8, 2)):
            image[np.hypot(row - y, col - x) < 15] -= 3
        write_mrc(folder / f"m{i}.mrc", image, 2.0)
    return folder


def test_it_writes_pairs_with_their_centres_and_a_sheet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "pairs"
    assert synthesise(out, "--count", "3", "--coverage", "0.3,0.5") == 0
    names = [f"synthetic_{i:04d}" for i in (1, 2, 3)]
    expected = {f"{n}{e}" for n in names for e in (".mrc", "_autopick.star")} | {"truth", "sheet.png"}
    assert {f.name for f in out.iterdir()} == expected
    assert {f.name for f in (out / "truth").iterdir()} == {f"{n}.mrc" for n in names}
    said = capsys.readouterr().out.replace("\n", "")
    for name in names:
        image, truth = pixels(out / f"{name}.mrc"), pixels(out / "truth" / f"{name}.mrc")
        assert image.shape == truth.shape == (96, 160)
        assert 0.2 <= image.min() < image.max() <= 1
        centres = formats.read(out / f"{name}_autopick.star")[name]
        assert f"{name}.mrc: {len(centres)} shapes" in said
        assert len(centres) >= 5
        row, col = np.round(centres.yx).astype(int).T
        assert (truth[row, col] == 0).all()
        assert set(np.unique(truth[truth != image])) == {0}
        assert (truth == 0).sum() <= len(centres) * 11**2
    with Image.open(out / "sheet.png") as sheet:
        assert sheet.width == 3 * 160 + 8
        assert sheet.height > 3 * 96 + 8


def test_a_seed_is_one_set_of_pairs_and_more_of_them_begin_alike(tmp_path: Path) -> None:
    for folder, seed, count in (("a", "5", "1"), ("b", "5", "2"), ("c", "6", "1")):
        assert synthesise(tmp_path / folder, "--seed", seed, "--count", count) == 0
    first = [pixels(tmp_path / f / "synthetic_0001.mrc") for f in ("a", "b", "c")]
    np.testing.assert_array_equal(first[0], first[1])
    assert not np.array_equal(first[0], first[2])


def test_backgrounds_come_from_micrographs_at_the_scale_of_the_diameter(
    tmp_path: Path, micrographs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(path) for path in sorted(micrographs.iterdir())]
    for name, scale in (("angstrom", ("--diameter", "60")), ("pixels", ("--diameter-px", "30"))):
        assert synthesise(tmp_path / name, *files, *scale, "--count", "1") == 0
        said = capsys.readouterr().out.replace("\n", "")
        shares = [int(said.split(f"{file}: ")[1].split("%")[0]) for file in files]
        assert all(30 < share < 95 for share in shares)
    one, other = (tmp_path / name / "synthetic_0001.mrc" for name in ("angstrom", "pixels"))
    np.testing.assert_array_equal(pixels(one), pixels(other))
    assert open_micrograph(one).pixel_size_angstrom == pytest.approx(60 / 20)
    assert open_micrograph(other).pixel_size_angstrom is None


def test_empty_micrographs_serve_entirely(
    tmp_path: Path, micrographs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shares = []
    path = str(micrographs / "m1.mrc")
    for name, given in (("some", [path]), ("none", ["--empty", path])):
        assert synthesise(tmp_path / name, *given, "--diameter", "60", "--count", "1") == 0
        shares.append(int(capsys.readouterr().out.replace("\n", "").split("m1.mrc: ")[1].split("%")[0]))
    assert shares[1] > shares[0] + 10


def test_ranges_that_are_given_are_used(tmp_path: Path) -> None:
    options = (
        "--sizes", "20,20", "--coverage", "0.5,0.5", "--depth", "0.3,0.3", "--steps", "40,60",
        "--variation", "1,1", "--smoothing", "1,2", "--marker", "5",
    )  # fmt: skip
    assert synthesise(tmp_path, *options, "--count", "2") == 0
    truth = pixels(tmp_path / "truth" / "synthetic_0001.mrc")
    n = len(formats.read(tmp_path / "synthetic_0001_autopick.star")["synthetic_0001"])
    assert 0 < n <= round(0.5 * 96 * 160 / 400)
    assert n * 25 * 0.5 < (truth == 0).sum() <= n * 25


def test_number_is_particles_on_a_micrograph(tmp_path: Path, micrographs: Path) -> None:
    counts = []
    for number in ("3", "100"):
        scale = (str(micrographs), "--diameter", "60", "--number", number)
        assert synthesise(tmp_path / number, *scale, "--count", "4", shape="160x224") == 0
        files = sorted((tmp_path / number).glob("*.star"))
        counts.append(sum(len(next(iter(formats.read(f).values()), ())) for f in files) / 4)
    assert counts[0] <= 8
    assert counts[1] > 30


def test_files_that_exist_are_kept_unless_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    existing = tmp_path / "truth" / "synthetic_0002.mrc"
    existing.parent.mkdir()
    existing.write_text("mine")
    assert synthesise(tmp_path, "--count", "2") == 2
    assert "--overwrite" in capsys.readouterr().err
    assert [f.name for f in tmp_path.iterdir()] == ["truth"]
    assert existing.read_text() == "mine"
    assert synthesise(tmp_path, "--count", "2", "--overwrite") == 0
    assert pixels(existing).shape == (96, 160)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--count", "0"), "--count 0"),
        (("--seed", "-1"), "--seed -1"),
        (("--shape", "20"), "--shape 20"),
        (("--depth", "0.3"), "--depth 0.3: give two numbers"),
        (("--sizes", "a,b"), "--sizes a,b"),
        (("--depth", "0.5,0.1"), "low first"),
        (("--coverage", "0.5,2"), "coverage"),
        (("--marker", "0"), "marker"),
        (("--number", "5", "--coverage", "0.1,0.2"), "not both"),
        (("--number", "1e6"), "do not fit"),
        (("--diameter", "180"), "only with micrographs"),
        (("--pixel-size", "nan"), "--pixel-size"),
        (("--empty", "none.mrc"), "--diameter-px"),
        (("--empty", "none.mrc", "--diameter", "180", "--diameter-px", "90"), "one of"),
        (("--empty", "none.mrc", "--diameter", "180"), "none.mrc"),
    ],
)
def test_options_that_make_no_sense(
    tmp_path: Path, options: tuple[str, ...], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert synthesise(tmp_path / "out", *options) == 2
    error = capsys.readouterr().err
    assert named in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_micrograph_that_cannot_serve_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flat, unsized = tmp_path / "flat.mrc", tmp_path / "unsized.mrc"
    write_mrc(flat, np.zeros((100, 150), np.float32), 2.0)
    write_mrc(unsized, np.random.default_rng(0).normal(size=(100, 150)).astype(np.float32), 0.0)
    for path, why in ((flat, "contrast"), (unsized, "--pixel-size")):
        assert synthesise(tmp_path / "out", "--empty", str(path), "--diameter", "60") == 2
        error = capsys.readouterr().err
        assert str(path) in error.replace("\n", "")
        assert why in error
