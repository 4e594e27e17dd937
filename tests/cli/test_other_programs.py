"""What users of other programs bring, as they bring it: whole folders, through the command line."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from napari_hydrapicker.cli import main as cli
from napari_hydrapicker.cli.finetune_examples import read_examples
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.io.coordinates.frame_check import Reading
from napari_hydrapicker.picks import Picks

SHAPE = (500, 800)
UID = "004512345678901234567_"
EXPOSURE = "FoilHole_1_Data_2_fractions"


def run(*arguments: str | Path) -> int:
    return cli.run([str(argument) for argument in arguments])


def write_micrograph(path: Path, picks: Picks | None = None) -> Path:
    """Noise, darker in discs of 40 pixels at the picks; not square."""
    rng = np.random.default_rng(0)
    image = rng.normal(0, 10, SHAPE).astype(np.float32)
    rows, cols = np.ogrid[: SHAPE[0], : SHAPE[1]]
    for y, x in picks.yx if picks is not None else ():
        image[(rows - y) ** 2 + (cols - x) ** 2 < 20**2] -= 10
    path.parent.mkdir(parents=True, exist_ok=True)
    with mrcfile.new(path, overwrite=True) as file:
        file.set_data(image)
        file.voxel_size = 1.5
    return path


@pytest.fixture
def picks() -> Picks:
    """Thirty particles that touch no other, with scores."""
    rng = np.random.default_rng(4)
    yx: list[np.ndarray] = []
    while len(yx) < 30:
        one = rng.uniform([25, 25], [475, 775])
        if all(np.hypot(*(one - other)) > 50 for other in yx):
            yx.append(one)
    return Picks(np.array(yx), np.linspace(0.9, 0.6, 30))


def write_cs(path: Path, micrograph: str, picks: Picks) -> Path:
    columns = [
        ("uid", "<u8"),
        ("location/micrograph_path", "S120"),
        ("location/micrograph_shape", "<u4", (2,)),
        ("location/center_x_frac", "<f4"),
        ("location/center_y_frac", "<f4"),
    ]
    records = np.zeros(len(picks), columns)
    records["location/micrograph_path"] = micrograph.encode()
    records["location/micrograph_shape"] = SHAPE
    records["location/center_x_frac"] = picks.x / SHAPE[1]
    records["location/center_y_frac"] = picks.y / SHAPE[0]
    buffer = io.BytesIO()
    np.save(buffer, records)
    path.write_bytes(buffer.getvalue())
    return path


def average_precision(output: str) -> float:
    [line] = [line for line in output.splitlines() if "IoU > 0.6  " in line]
    return float(line.split("IoU > 0.6")[1].split()[0])


@pytest.fixture
def cryoppp(tmp_path: Path, picks: Picks) -> Path:
    """Picks in STAR, and the truth as CryoPPP counts it: y from the other edge of the picture."""
    formats.write({"m": picks}, tmp_path / "picks", "star")
    rows = [f"{x:.0f},{SHAPE[0] - y:.0f},80" for y, x in picks.yx.tolist()]
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth" / "m.csv").write_text("\n".join(["X-Coordinate,Y-Coordinate,Diameter", *rows, ""]))
    return tmp_path


def test_cryoppps_truth_is_read_right_or_its_height_asked_for(
    cryoppp: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate = ("evaluate", "--picks", cryoppp / "picks", "--truth", cryoppp / "truth", "--diameter", "120")
    assert run(*evaluate, "--pixel-size", "1.5") == 2
    assert "m.csv: CryoPPP counts y from the lower edge, and the height of m is" in capsys.readouterr().err
    assert run(*evaluate, "--pixel-size", "1.5", "--micrograph-shape", "500x800") == 0
    assert average_precision(capsys.readouterr().out) == 1
    write_micrograph(cryoppp / "m_DW.mrc")
    assert run(*evaluate, "--micrographs", cryoppp / "m_DW.mrc") == 0
    assert average_precision(capsys.readouterr().out) == 1
    (cryoppp / "picks" / "summary.csv").write_text(
        "micrograph,picks,mean_score,pixel_size_angstrom,rows,columns\nm,30,0.7,1.5,500,800\n"
    )
    assert run(*evaluate) == 0
    assert average_precision(capsys.readouterr().out) == 1


def test_positions_are_held_against_the_image(
    tmp_path: Path, picks: Picks, capsys: pytest.CaptureFixture[str]
) -> None:
    micrograph = write_micrograph(tmp_path / "m.mrc", picks)
    turned = Picks((picks.yx * [-1, 1] + [SHAPE[0] - 1, 0]) / 4, picks.score)
    formats.write({"m": picks}, tmp_path / "right", "star")
    formats.write({"m": turned}, tmp_path / "turned", "star")
    to_csv = ("--to", "csv", "--micrographs", micrograph, "--overwrite")
    assert run("convert", tmp_path / "right", tmp_path / "out", *to_csv) == 0
    assert "warning" not in capsys.readouterr().err
    assert run("convert", tmp_path / "turned", tmp_path / "out", *to_csv) == 0
    said = capsys.readouterr().err
    assert (
        "turned: the positions do not fit the micrographs as read, but turned upside down and scaled by 4"
        in said
    )
    assert said.endswith("if it is right, give --flip-y --scale 4\n")
    assert run("convert", tmp_path / "turned", tmp_path / "out", *to_csv, "--flip-y", "--scale", "4") == 0
    assert capsys.readouterr().err == ""
    np.testing.assert_allclose(formats.read(tmp_path / "out" / "picks.csv")["m"].yx, picks.yx, atol=1e-4)
    assert run("convert", tmp_path / "right", tmp_path / "out", *to_csv, "--swap") == 0
    assert "do not fit the micrographs in the way given" in capsys.readouterr().err

    sides = ("--picks", tmp_path / "right", "--truth", tmp_path / "turned")
    assert run("evaluate", *sides, "--diameter", "60", "--micrographs", micrograph) == 0
    said = capsys.readouterr().err
    assert "turned OUT --micrographs ... --flip-y --scale 4" in said
    assert said.count("warning") == 1, "the picks are right"

    lists = (tmp_path / "right", tmp_path / "turned")
    options = ("--micrographs", micrograph, "--distance", "10", "--match")
    assert run("consensus", *lists, "--out", tmp_path / "both", *options) == 0
    told = capsys.readouterr()
    assert told.err.count("warning") == 1
    assert told.out.startswith("m  =  m\n")


def test_a_micrograph_that_cannot_be_read_stops_no_conversion(
    tmp_path: Path, picks: Picks, capsys: pytest.CaptureFixture[str]
) -> None:
    micrograph = write_micrograph(tmp_path / "m.mrc")
    packed = gzip.compress(micrograph.read_bytes())
    (tmp_path / "m.mrc.gz").write_bytes(packed[: len(packed) // 2])
    formats.write({"m": picks}, tmp_path / "in", "star")
    assert run("convert", tmp_path / "in", tmp_path / "p.csv", "--micrographs", tmp_path / "m.mrc.gz") == 0
    assert "the positions were not held against the micrographs (" in capsys.readouterr().err
    assert len(formats.read(tmp_path / "p.csv")["m"]) == 30


def test_labels_to_train_on_are_held_against_the_image(
    tmp_path: Path, picks: Picks, capsys: pytest.CaptureFixture[str]
) -> None:
    micrograph = write_micrograph(tmp_path / f"{UID}m_patch_aligned_doseweighted.mrc", picks)
    turned = Picks(picks.yx * [-1, 1] + [SHAPE[0] - 1, 0], picks.score)
    formats.write({"m": turned}, tmp_path / "turned", "star")
    arguments = ([str(micrograph)], tmp_path / "turned", None, 0.0, True, None)
    read_examples(*arguments)
    assert "if it is right, give --flip-y" in capsys.readouterr().err
    [example] = read_examples(*arguments, reading=Reading(flip_y=True))
    assert capsys.readouterr().err == ""
    np.testing.assert_allclose(example.yx, picks.yx, atol=1e-5)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of RELION with one micrograph and its list."""
    (tmp_path / "default_pipeline.star").write_text("data_pipeline_general\n_rlnPipeLineJobCounter 2\n")
    write_micrograph(tmp_path / "MotionCorr" / "job002" / "Movies" / f"{EXPOSURE}.mrc")
    (tmp_path / "Ctf").mkdir()
    (tmp_path / "Ctf" / "mics.star").write_text(
        "data_micrographs\nloop_\n_rlnMicrographName #1\n_rlnOpticsGroup #2\n"
        f"MotionCorr/job002/Movies/{EXPOSURE}.mrc 1\n"
    )
    return tmp_path


def test_from_cryosparc_to_relion(project: Path, picks: Picks, capsys: pytest.CaptureFixture[str]) -> None:
    name = f"{UID}{EXPOSURE}_patch_aligned_doseweighted"
    source = write_cs(project / "particles.cs", f">J2/motioncorrected/{name}.mrc", picks)
    job = project / "AutoPick" / "job010"
    mics = project / "Ctf" / "mics.star"
    assert run("convert", source, job, "--to", "star-combined", "--micrographs", mics, "--match") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{name}  =  {EXPOSURE}  (without prefixes and suffixes)"
    listed = (job / "autopick.star").read_text().splitlines()[-2]
    assert listed == (f"MotionCorr/job002/Movies/{EXPOSURE}.mrc AutoPick/job010/{EXPOSURE}_autopick.star")
    np.testing.assert_allclose(formats.read(job / "autopick.star")[EXPOSURE].yx, picks.yx, atol=1e-3)

    (project / "two.csv").write_text(f"micrograph,y_px,x_px\n{EXPOSURE},10,20\nrejected_one,30,40\n")
    assert run("convert", project / "two.csv", project / "two.star", "--micrographs", mics) == 0
    assert "no micrographs for rejected_one: skipped" in capsys.readouterr().err
    assert len(formats.read(project / "two.star")) == 1


def test_cryosparcs_own_names_on_all_sides(
    tmp_path: Path, picks: Picks, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"{UID}{EXPOSURE}_patch_aligned_doseweighted"
    folder = tmp_path / "J2" / "motioncorrected"
    write_micrograph(folder / f"{name}.mrc", picks)
    particles = write_cs(tmp_path / "particles.cs", f"J2/motioncorrected/{name}.mrc", picks)
    formats.write({name: picks}, tmp_path / "picks", "star")
    table = tmp_path / "pyem.star"
    formats.write({name: picks}, table, "star-particles", micrograph_names={name: f"J2/m/{name}.mrc"})
    formats.write({EXPOSURE: picks}, tmp_path / "plain", "star")
    for ours in (tmp_path / "picks", table, tmp_path / "plain"):
        options = ("--diameter", "60", "--micrographs", folder)
        assert run("evaluate", "--picks", ours, "--truth", particles, *options) == 0
        assert average_precision(capsys.readouterr().out) == 1
        assert (
            run("consensus", ours, particles, "--distance", "5", "--out", tmp_path / "c", "--overwrite") == 0
        )
        capsys.readouterr()
        assert run("convert", ours, tmp_path / "o.csv", "--micrographs", folder, "--overwrite") == 0
        assert list(formats.read(tmp_path / "o.csv")) == [name]
        [example] = read_examples([str(folder)], ours, None, 0.0, True, None)
        assert len(example.yx) == 30


def test_truth_outside_the_micrographs(
    tmp_path: Path, picks: Picks, capsys: pytest.CaptureFixture[str]
) -> None:
    formats.write({"m": picks}, tmp_path / "picks", "star")
    formats.write({"m": Picks(picks.yx * 2)}, tmp_path / "truth", "star")
    shape = ("--micrograph-shape", "500x800", "--pixel-size", "1.5")
    sides = ("--picks", tmp_path / "picks", "--truth", tmp_path / "truth")
    assert run("evaluate", *sides, "--diameter", "60", *shape) == 0
    said = capsys.readouterr().out
    assert "of 30 true positions lie outside their micrographs" in said
    assert (
        "but 30 scaled by 0.5: if these are one frame and another, convert the truth with --scale 0.5" in said
    )


@pytest.mark.parametrize("layout", ["new", "old"])
def test_job_folders_of_relion(
    layout: str, tmp_path: Path, picks: Picks, capsys: pytest.CaptureFixture[str]
) -> None:
    job = tmp_path / "AutoPick" / "job010"
    formats.write({"a": picks, "b": picks.select([0])}, job / "Movies", "star")
    if layout == "old":
        (job / "coords_suffix_autopick.star").write_text("CtfFind/job003/micrographs_ctf.star\n")
    else:
        (job / "job.star").write_text("data_job\n_rlnJobTypeLabel relion.autopick.log\n")
        (job / "summary.star").write_text(
            "data_\nloop_\n_rlnMicrographName\n_rlnGroupNrParticles\na.mrc 30\n"
        )
        (job / "note.txt").write_text("command\n")
        (job / "autopick.star").write_text(
            "data_coordinate_files\nloop_\n_rlnMicrographName\n_rlnMicrographCoordinates\n"
            "MotionCorr/job002/Movies/a.mrc AutoPick/job010/Movies/a_autopick.star\n"
            "MotionCorr/job002/Movies/b.mrc AutoPick/job010/Movies/b_autopick.star\n"
        )
    assert run("convert", job, tmp_path / "p.csv") == 0
    assert capsys.readouterr().err == ""
    assert {name: len(one) for name, one in formats.read(tmp_path / "p.csv").items()} == {"a": 30, "b": 1}


def test_a_mixed_folder_is_converted_as_far_as_it_is_clear(
    tmp_path: Path, picks: Picks, capsys: pytest.CaptureFixture[str]
) -> None:
    formats.write({"a": picks}, tmp_path / "in", "star")
    (tmp_path / "in" / "helix.box").write_text("100\t200\t128\t128\t-1\n400\t500\t128\t128\t-2\n")
    (tmp_path / "in" / "words.txt").write_text("words\n")
    assert run("convert", tmp_path / "in", tmp_path / "p.csv") == 2
    said = capsys.readouterr().err
    assert "not converted: " in said
    assert "the fifth column marks the ends of helices" in said
    assert "left out: " in said
    assert list(formats.read(tmp_path / "p.csv")) == ["a"]
