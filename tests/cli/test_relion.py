"""`hydrapicker relion`: a job of type External in a made RELION project."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
import starfile
import torch

from napari_hydrapicker.cli.main import run
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.picking import batch
from napari_hydrapicker.picking.outputs import OutputFolder

NAMES = [f"MotionCorr/job002/Movies/grid{i}.mrc" for i in (1, 2, 3)]
JOB = Path("External/job006")
LIST = "CtfFind/job003/micrographs_ctf.star"

OPTICS = """
# version 30001

data_optics

loop_
_rlnOpticsGroupName #1
_rlnOpticsGroup #2
_rlnMicrographOriginalPixelSize #3
_rlnMicrographPixelSize #4
opticsGroup1 1 0.885 2.0
opticsGroup2 2 0.885 2.5

# version 30001

data_micrographs

loop_
_rlnMicrographName #1
_rlnOpticsGroup #2
_rlnCtfImage #3
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project of three non-square micrographs in two optics groups; RELION runs jobs in its folder."""
    threads = torch.get_num_threads()
    monkeypatch.chdir(tmp_path)
    Path("default_pipeline.star").touch()
    for seed, name in enumerate(NAMES):
        write_micrograph(Path(name), seed)
    write_list(NAMES)
    JOB.mkdir(parents=True)
    (JOB / "job.star").write_text("data_job\n\n_rlnJobTypeLabel relion.external\n")  # as the GUI leaves it
    yield tmp_path
    torch.set_num_threads(threads)


def write_micrograph(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with mrcfile.new(path) as file:
        file.set_data(np.random.default_rng(seed).normal(0, 9, (300, 480)).astype(np.float32))


def write_list(names: list[str]) -> None:
    Path(LIST).parent.mkdir(parents=True, exist_ok=True)
    rows = [f"{name} {1 + i % 2} CtfFind/job003/{i}.ctf:mrc\n" for i, name in enumerate(names)]
    Path(LIST).write_text(OPTICS + "".join(rows))


def relion(weights: Path, *more: str) -> int:
    """Run what RELION's GUI puts together of *External executable*, inputs, parameters and threads."""
    given = f"relion --o {JOB}/ --in_mics {LIST} --diameter 84 --contrast dark --device cpu --j 1"
    return run([*given.split(), "--weights", str(weights), *more])


def marks() -> list[str]:
    return sorted(path.name for path in JOB.glob("RELION_JOB_*"))


def listed() -> dict[str, str]:
    table = starfile.read(JOB / "autopick.star", always_dict=True)["coordinate_files"]
    return dict(zip(table["rlnMicrographName"], table["rlnMicrographCoordinates"], strict=True))


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of micrographs that are really picked; with the second of a run the user aborts the job."""
    picked: list[str] = []
    whole = OutputFolder.record

    def one(folder: OutputFolder, micrograph: Any, *what: Any) -> Any:
        picked.append(micrograph.name)
        return whole(folder, micrograph, *what)

    monkeypatch.setattr(OutputFolder, "record", one)
    return picked


def test_a_job_leaves_what_relion_asks_for(weights: Path) -> None:
    assert relion(weights) == 0
    assert marks() == ["RELION_JOB_EXIT_SUCCESS"]
    nodes = starfile.read(JOB / "RELION_OUTPUT_NODES.star", always_dict=True)
    [(name, label)] = nodes["output_nodes"].itertuples(index=False)
    assert list(nodes["output_nodes"].columns) == ["rlnPipeLineNodeName", "rlnPipeLineNodeTypeLabel"]
    assert (name, label) == ("External/job006/autopick.star", "MicrographsCoords.star.relion.autopick")
    files = [f"External/job006/Movies/grid{i}_autopick.star" for i in (1, 2, 3)]
    assert listed() == dict(zip(NAMES, files, strict=True))  # names as in the input, files as RELION's jobs'
    table = starfile.read(files[0])
    assert {"rlnCoordinateX", "rlnCoordinateY", "rlnAutopickFigureOfMerit"} <= set(table.columns)
    own = formats.read(JOB / "autopick.star")
    assert list(own) == ["grid1", "grid2", "grid3"]
    first = own["grid1"]
    np.testing.assert_allclose(first.x, table["rlnCoordinateX"], atol=1e-5)
    assert first.x.max() > 300 >= first.y.max()
    assert (JOB / "job.star").read_text().startswith("data_job")


def test_pixel_sizes_are_those_of_the_optics_groups(weights: Path) -> None:
    assert relion(weights) == 0
    rows = [line.split(",") for line in (JOB / "summary.csv").read_text().splitlines()]
    size = rows[0].index("pixel_size_angstrom")
    assert [float(row[size]) for row in rows[1:]] == [2.0, 2.5, 2.0]


def test_an_aborted_job_is_continued(
    weights: Path, seen: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = batch.pick_all

    def abort_after_two(*arguments: Any) -> Iterator[Any]:
        for i, result in enumerate(whole(*arguments)):
            if i == 1:
                (JOB / "RELION_JOB_ABORT_NOW").touch()
            yield result

    with monkeypatch.context() as patch:
        patch.setattr(batch, "pick_all", abort_after_two)
        assert relion(weights) == 130
    assert marks() == ["RELION_JOB_EXIT_ABORTED"]
    assert list(listed()) == NAMES[:2]
    assert "2 of 3 micrographs are done; Continue does the others" in capsys.readouterr().err
    assert seen == ["Movies/grid1", "Movies/grid2"]

    assert relion(weights) == 0
    assert marks() == ["RELION_JOB_EXIT_SUCCESS"]
    assert seen == ["Movies/grid1", "Movies/grid2", "Movies/grid3"]
    assert list(listed()) == NAMES


def test_a_longer_list_is_gone_on_with(weights: Path, seen: list[str]) -> None:
    write_list(NAMES[:2])
    assert relion(weights) == 0
    write_list(NAMES)
    assert relion(weights) == 0
    assert seen == ["Movies/grid1", "Movies/grid2", "Movies/grid3"]
    assert list(listed()) == NAMES


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--diameter", "many"], "'--diameter'"),
        (["--in_parts", "particles.star"], "--in-parts"),
        (["--threshold", "2"], "--threshold 2: give a number from 0 to 1"),
        (["--j", "0"], "--j 0"),
        (["--head", "nobody"], "nobody"),
        (["--in_mics", "nowhere.star"], "nowhere.star"),
    ],
    ids=str,
)
def test_whatever_goes_wrong_is_marked(
    weights: Path, more: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert relion(weights, *more) == 2
    assert marks() == ["RELION_JOB_EXIT_FAILURE"]
    [line] = capsys.readouterr().err.splitlines()
    assert said in line


def test_another_diameter_does_not_go_on_with_a_job(
    weights: Path, seen: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert relion(weights) == 0
    assert relion(weights, "--diameter", "90") == 2
    assert marks() == ["RELION_JOB_EXIT_FAILURE"]
    assert "`diameter` was 84, is 90".replace("`diameter`", "--diameter") in capsys.readouterr().err
    assert relion(weights, "--diameter", "90", "--overwrite") == 0
    assert len(seen) == 6
    assert marks() == ["RELION_JOB_EXIT_SUCCESS"]


def test_one_bad_micrograph_does_not_fail_the_job(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path(NAMES[1]).write_bytes(b"no micrograph")
    assert relion(weights) == 0
    assert marks() == ["RELION_JOB_EXIT_SUCCESS"]
    assert list(listed()) == [NAMES[0], NAMES[2]]
    assert "1 of 3 micrographs was not picked" in capsys.readouterr().err


def test_no_micrograph_at_all_fails_the_job(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in NAMES:
        Path(name).unlink()
    assert relion(weights) == 2
    assert marks() == ["RELION_JOB_EXIT_FAILURE"]
    assert "RELION's jobs run in the project's folder" in capsys.readouterr().err


def test_what_relion_adds_by_itself_is_taken(weights: Path) -> None:
    """Where a path has "relion_" in it, RELION takes the command for one of its own programs."""
    write_list(NAMES[:1])
    assert relion(weights, "--pipeline_control", f"{JOB}/", "--pixel_size", "2", "--no_mask") == 0
    assert marks() == ["RELION_JOB_EXIT_SUCCESS"]


def test_the_help_marks_nothing(weights: Path) -> None:
    assert relion(weights, "--help") == 0
    assert marks() == []
