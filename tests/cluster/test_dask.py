"""Picking on a cluster: what comes back is what one process would have written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest

from napari_hydrapicker.cluster import dask
from napari_hydrapicker.errors import ClusterError, MicrographError, ParameterError, WeightsError
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picking import batch
from napari_hydrapicker.picking.batch import Timings, open_all
from napari_hydrapicker.picking.library import HOME_VARIABLE
from napari_hydrapicker.picking.outputs import OutputFolder, Settings
from napari_hydrapicker.picking.parameters import (
    CGanSpec,
    ConsensusSpec,
    HydraSpec,
    NetworkFile,
    PickParameters,
    RunConfig,
)
from napari_hydrapicker.picking.results import MicrographResult
from napari_hydrapicker.picks import Picks

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.filterwarnings("ignore")  # dask's own, at its end
FORMATS = ("csv", "star", "topaz")
CONFIG = RunConfig(
    picker="fixed", weights=NetworkFile(name="n", sha256="ab"), head=None, diameter_angstrom=60.0,
    border_angstrom=None, threshold=0.5, no_mask=False, no_split=False, overlay=True, format=FORMATS,
)  # fmt: skip


class Fixed:
    """Picks as many places as the micrograph's name says; cannot pick the fifth."""

    device = "cpu"

    def __init__(self) -> None:
        self.at_once = self.most = 0

    def pick_micrograph(self, micrograph: Micrograph, *arguments: Any) -> Picks:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        time.sleep(0.01)
        self.at_once -= 1
        number = int(micrograph.name[1:])
        if number == 5:
            raise MicrographError(f"{micrograph.path}: no contrast")
        yx = np.array([[10.0 + 1 / 3 + i, 80 - i] for i in range(number)]).reshape(-1, 2)
        return Picks(yx, np.full(number, 0.75), diameter_px=20)


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Twelve micrographs, named as from their own folder."""
    (tmp_path / "in").mkdir()
    for number in range(12):
        with mrcfile.new(tmp_path / "in" / f"m{number}.mrc") as file:
            file.set_data(np.random.default_rng(number).normal(0, 1, (100, 160)).astype(np.float32))
            file.voxel_size = 2.0
    monkeypatch.chdir(tmp_path / "in")
    return [Path(f"m{number}.mrc") for number in range(12)]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "out", PickParameters(diameter_angstrom=60), formats=FORMATS, overlay=True)


@pytest.fixture
def fixed(monkeypatch: pytest.MonkeyPatch) -> Fixed:
    """What workers of this process load, whatever they are asked for."""
    picker = Fixed()
    monkeypatch.setattr("napari_hydrapicker.picking.base.load_picker", lambda *_: picker)
    monkeypatch.setattr(dask, "_loaded", {})
    return picker


@pytest.fixture
def client() -> Iterator[Any]:
    """A cluster whose workers are threads of this process."""
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=2, processes=False, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as made,
    ):
        yield made


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "picking.jsonl"}


def begin(paths: list[Path], settings: Settings) -> tuple[OutputFolder, list[Micrograph]]:
    folder = OutputFolder(settings, CONFIG)
    micrographs, _ = folder.begin(open_all(paths)[0])
    return folder, micrographs


def expected(picker: Any, paths: list[Path], settings: Settings) -> dict[str, bytes]:
    """The files of a run in this process."""
    settings = replace(settings, out=settings.out.with_name("alone"))
    folder, micrographs = begin(paths, settings)
    list(batch.pick_all(picker, micrographs, folder))
    folder.write_tables()
    return contents(settings.out)


def test_the_files_are_those_of_one_process(
    client: Any, fixed: Fixed, paths: list[Path], settings: Settings
) -> None:
    alone = expected(fixed, paths, settings)
    assert any(name.endswith("overlay.png") for name in alone)
    fixed.most, timings = 0, Timings()
    folder, micrographs = begin(paths, settings)
    results = list(dask.pick_all(client, dask.Job(HydraSpec(), settings), micrographs, folder, timings))
    folder.write_tables()
    assert contents(settings.out) == alone
    assert {one.name: bool(one.error) for one in results} == {f"m{n}": n == 5 for n in range(12)}
    (failed,) = (one for one in results if one.error)
    assert failed.error == "m5.mrc: no contrast"
    assert fixed.most == 1  # one network, which one thread at a time uses
    assert timings.network > 0.05
    assert timings.networks == 2
    again = list(dask.pick_all(client, dask.Job(HydraSpec(), settings), micrographs, folder))
    assert [one.name for one in again if not one.earlier] == ["m5"]


def test_few_are_under_way_at_a_time(
    client: Any, fixed: Fixed, paths: list[Path], settings: Settings
) -> None:
    taken = 0

    def counted() -> Iterator[Micrograph]:
        nonlocal taken
        for micrograph in 10 * micrographs:
            taken += 1
            yield micrograph

    folder, micrographs = begin(paths, settings)
    results = dask.pick_all(client, dask.Job(HydraSpec(), settings), counted(), folder)
    next(results)
    assert taken <= 2 * 4 + 1
    results.close()
    assert taken < 20


def test_workers_that_cannot_load_the_network_end_the_run(
    client: Any, paths: list[Path], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*arguments: object) -> None:
        raise WeightsError("n: damaged")

    monkeypatch.setattr("napari_hydrapicker.picking.base.load_picker", damaged)
    monkeypatch.setattr(dask, "_loaded", {})
    folder, micrographs = begin(paths, settings)
    with pytest.raises(WeightsError, match="damaged"):
        list(dask.pick_all(client, dask.Job(HydraSpec(), settings), micrographs, folder))


def test_another_version_is_refused(client: Any, fixed: Fixed, paths: list[Path], settings: Settings) -> None:
    folder, micrographs = begin(paths, settings)
    with pytest.raises(ClusterError, match=r"a worker has version .*, this is 0\.0: install the same"):
        list(dask.pick_all(client, dask.Job(HydraSpec(), settings, version="0.0"), micrographs, folder))


def test_a_scheduler_that_is_gone_ends_the_run(fixed: Fixed, paths: list[Path], settings: Settings) -> None:
    cluster = distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None, protocol="tcp"
    )
    folder, micrographs = begin(paths, settings)
    with cluster, distributed.Client(cluster.scheduler_address, timeout=1) as client:
        results = dask.pick_all(client, dask.Job(HydraSpec(), settings), 100 * micrographs, folder)
        next(results)
        cluster.close()
        with pytest.raises(ClusterError, match="scheduler is gone"):
            list(results)
    assert folder.n_done(micrographs) >= 1


def test_nobody_at_the_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask, "_CONNECT_SECONDS", 0.2)
    with (
        pytest.raises(ClusterError, match=r"no scheduler answers at tcp://127.0.0.1:9 \(.*\): is it running"),
        dask.connected("tcp://127.0.0.1:9"),
    ):
        raise AssertionError("somebody answered")
    with (
        pytest.raises(ParameterError, match="`scheduler` none: no such file"),
        dask.connected("none"),
    ):
        raise AssertionError("somebody answered")


def test_dask_is_loaded_by_those_who_want_it() -> None:
    code = "import sys, napari_hydrapicker.cluster.dask as d; print('distributed' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_without_dask_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(ParameterError, match=r"pip install 'napari-hydrapicker\[cluster\]'; or .* `shard`"),
        dask.local_cluster(2, 1),
    ):
        raise AssertionError("there was one")


def test_files_are_named_for_every_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "own.safetensors").write_text("only its place counts")
    spec = HydraSpec(weights=Path("n.safetensors"), head="own", libraries=(Path("library"),), quality="best")
    found = dask.portable(ConsensusSpec(members=(spec, CGanSpec(weights=Path("g"))), imported=Path("p")))
    assert isinstance(found, ConsensusSpec)
    hydra, cgan = found.members
    assert isinstance(hydra, HydraSpec)
    assert hydra.weights == tmp_path / "n.safetensors"
    assert hydra.head == str(tmp_path / "library" / "own.safetensors")
    assert hydra.quality == "best"
    assert (cgan.weights, found.imported) == (tmp_path / "g", tmp_path / "p")
    assert dask.portable(HydraSpec(head="generic")) == HydraSpec(head="generic")


@pytest.mark.slow
def test_a_process_that_is_killed_loses_nothing(paths: list[Path], settings: Settings) -> None:
    from napari_hydrapicker.picking.base import load_picker

    spec = HydraSpec(contrast="dark")
    settings = replace(settings, threshold=0.02, overlay=False)
    alone = expected(load_picker(spec, "cpu"), paths, settings)
    folder, micrographs = begin(paths, settings)
    job = dask.Job(spec, settings, ("cpu",), torch_threads=1)
    killed: list[int] = []

    def kill(result: MicrographResult) -> None:
        if not killed:
            killed.append(next(iter(client.run(os.getpid).values())))
            os.kill(killed[0], signal.SIGKILL)

    with dask.local_cluster(2, 1) as client:
        for result in dask.pick_all(client, job, micrographs, folder):
            assert result.error == ""
            kill(result)
    folder.write_tables()
    assert killed
    assert contents(settings.out) == alone
