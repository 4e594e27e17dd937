"""How the options spread the work, and that the files do not depend on it."""

from __future__ import annotations

from pathlib import Path

import mrcfile
import numpy as np
import pytest

from napari_hydrapicker.cli.main import run
from napari_hydrapicker.cli.spread import ClusterName, Spread
from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.picking.shard import Shard


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five micrographs in a folder of their own, and a file that is none."""
    made = tmp_path / "in"
    made.mkdir()
    for number in range(5):
        with mrcfile.new(made / f"m{number}.mrc") as file:
            file.set_data(np.random.default_rng(number).normal(0, 9, (100, 160)).astype(np.float32))
            file.voxel_size = 2.0
    (made / "bad.mrc").write_text("text")
    return made


def pick(folder: Path, out: Path, *options: str) -> int:
    common = ["--diameter", "60", "--threshold", "0.02", "--format", "star,csv", "--device", "cpu", "--quiet"]
    return run(["pick", str(folder), "--out", str(out), *common, *options])


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "picking.jsonl"}


def test_threads_and_shards_give_the_same_files(folder: Path, tmp_path: Path) -> None:
    for threads in ("0", "3"):
        assert pick(folder, tmp_path / threads, "--threads", threads) == 2
    expected = contents(tmp_path / "0")
    assert len(expected) == 8
    assert contents(tmp_path / "3") == expected
    assert [pick(folder, tmp_path / "parts", "--shard", f"{one}/3") for one in (3, 1, 2)].count(2) == 1
    assert run(["merge", str(tmp_path / "parts"), "--quiet"]) == 0
    assert contents(tmp_path / "parts") == expected


def test_what_the_options_mean() -> None:
    assert Spread.of_options() == Spread(1, None, ("auto",), None, False, None)
    assert Spread.of_options(device="cuda:1, cuda:2") == Spread(2, None, ("cuda:1", "cuda:2"), None, True)
    assert Spread.of_options(workers=4, device="cuda:0,cuda:1").workers == 4
    assert Spread.of_options(cluster=ClusterName.LOCAL) == Spread(is_cluster=True)
    assert Spread.of_options(shard="2/9", threads=0) == Spread(threads=0, shard=Shard(9, 2))
    on_cluster = Spread.of_options(scheduler="tcp://head:8786", device="cuda")
    assert (on_cluster.is_cluster, on_cluster.device_here, on_cluster.devices) == (True, "auto", ("cuda",))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"workers": 0}, "`workers` 0: give a number from 1"),
        ({"threads": -1}, "`threads` -1: give a number from 0"),
        ({"workers": 1, "device": "cuda:0,cuda:1"}, "more devices than workers"),
        ({"scheduler": "tcp://a:1", "workers": 2}, "`workers`: a cluster that runs already has its own"),
        ({"scheduler": "tcp://a:1", "device": "cuda:0,cuda:1"}, "`device`: a cluster that runs already"),
        ({"shard": "9/8"}, "`shard` 9/8"),
    ],
)
def test_what_contradicts_is_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        Spread.of_options(**options)  # type: ignore[arg-type]


def test_without_micrographs_or_a_project(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["pick", "--diameter", "90", "--out", str(tmp_path / "out")]) == 2
    assert "give micrographs, --diameter and --out, or --project" in capsys.readouterr().err
