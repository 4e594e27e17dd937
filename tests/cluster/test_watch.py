"""Live picking of a folder into which files are copied piece by piece."""

from __future__ import annotations

import csv
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from napari_hydrapicker.cluster import watch as watch_module
from napari_hydrapicker.cluster.arrivals import Arrivals
from napari_hydrapicker.cluster.timeline import TABLE
from napari_hydrapicker.cluster.watch import Watch
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picking.outputs import OutputFolder, Settings
from napari_hydrapicker.picking.parameters import NetworkFile, PickParameters, RunConfig
from napari_hydrapicker.picks import Picks

SHAPE = (30, 48)
CONFIG = RunConfig(
    picker="hydra", weights=NetworkFile(name="none"), head=None, diameter_angstrom=20, border_angstrom=None,
    threshold=0.5, no_mask=False, no_split=False, overlay=False, format=("star",),
)  # fmt: skip


@dataclass
class Reader:
    """Stands for a picker: reads the micrograph, finds two particles, and sees whether the file is whole."""

    threshold: float = 0.5
    seen: Counter[str] = field(default_factory=Counter)
    torn: list[str] = field(default_factory=list)

    def pick_micrograph(self, micrograph: Micrograph, parameters: PickParameters, floor: float = 0) -> Picks:
        self.seen[micrograph.name] += 1
        if not (np.asarray(micrograph.pixels()) == value_of(micrograph.stem)).all():
            self.torn.append(micrograph.name)
        return Picks(np.array([[8.0, 40.0], [20.0, 9.0]]), np.array([0.9, 0.6], np.float32))


def value_of(name: str) -> int:
    return 1 + int(name[-4:])


def make(folder: Path, number: int) -> Path:
    path = folder / f"grid_{number:04d}.mrc"
    with mrcfile.new(path) as file:
        file.set_data(np.full(SHAPE, value_of(path.stem), np.float32))
        file.voxel_size = 2.0
    return path


@pytest.fixture
def made(tmp_path: Path) -> Path:
    folder = tmp_path / "made"
    folder.mkdir()
    return folder


@pytest.fixture
def session(tmp_path: Path) -> Path:
    folder = tmp_path / "session"
    folder.mkdir()
    return folder


def watching(sources: Sequence[Path], out: Path, reader: Reader) -> Watch:
    settings = Settings(out, PickParameters(diameter_angstrom=20), resume=True)
    return Watch(Arrivals(sources), lambda _: (reader, OutputFolder(settings, CONFIG)))


class Clock:
    """Stands for the time: while the watch sleeps, the next pieces are written."""

    def __init__(self, steps: Iterator[None]) -> None:
        self._steps, self._now = steps, 0.0

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += seconds
        next(self._steps, None)


def copied_in_pieces(files: Sequence[Path], folder: Path, never: set[int]) -> Iterator[None]:
    """Copy files in four pieces, ten at a time, with pauses; every seventh is as long as it will be at once.

    The last piece of those in `never` does not come.
    """
    rng, ticks = np.random.default_rng(5), count(1)
    for start in range(0, len(files), 10):
        for piece in range(1, 5):
            for number in range(start, start + 10):
                path, content = folder / files[number].name, files[number].read_bytes()
                end = len(content) * piece // 4
                if number not in never and number % 7 == 3:
                    path.write_bytes(content[:end] + bytes(len(content) - end))
                    tick = next(ticks)
                    os.utime(path, (tick, tick))  # in truth seconds pass
                elif number not in never or piece < 4:
                    path.write_bytes(content[:end])
            yield
        for _ in range(rng.integers(0, 4)):
            yield


def test_every_complete_file_is_picked_once_and_none_half_read(
    made: Path, session: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [make(made, i) for i in range(200)]
    never = set(np.random.default_rng(3).choice(200, 15, replace=False).tolist())
    reader, out = Reader(), tmp_path / "out"
    watch = watching([session], out, reader)
    with monkeypatch.context() as patch:
        patch.setattr(watch_module, "time", Clock(copied_in_pieces(files, session, never)))
        watch.run(10.0, idle_seconds=200)
    watch.close()

    complete = {f"grid_{i:04d}" for i in range(200) if i not in never}
    assert reader.seen == Counter(dict.fromkeys(complete, 1))
    assert reader.torn == []
    assert {path.stem for path in watch.unfinished} == {f"grid_{i:04d}" for i in never}
    assert all("truncated" in why for why in watch.unfinished.values())
    stars = {f"{name}_autopick.star" for name in complete}
    assert {path.name for path in out.glob("*_autopick.star")} == stars
    with (out / TABLE).open(newline="") as file:
        assert sorted(row["micrograph"] for row in csv.DictReader(file)) == sorted(complete)


def test_it_goes_on_where_a_run_before_ended(made: Path, session: Path, tmp_path: Path) -> None:
    for i in range(3):
        shutil.copy(make(made, i), session)
    reader, out = Reader(), tmp_path / "out"
    watching([session], out, reader).run(0.01, idle_seconds=0.3)
    shutil.copy(make(made, 3), session)
    again = watching([session], out, reader)
    again.run(0.01, idle_seconds=0.3)
    again.close()
    assert (again.n_picked, again.n_picks) == (1, 2)
    assert set(reader.seen.values()) == {1}
    assert len((out / TABLE).read_text().splitlines()) == 5
    assert len((out / "summary.csv").read_text().splitlines()) == 5


def test_one_name_in_two_folders_is_two_micrographs(made: Path, tmp_path: Path) -> None:
    one = make(made, 1)
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
        shutil.copy(one, tmp_path / name)
    reader, out = Reader(), tmp_path / "out"
    for _ in range(2):  # and stays so
        watching([tmp_path / "x", tmp_path / "y"], out, reader).run(0.01, idle_seconds=0.3)
    assert reader.seen == Counter({"grid_0001": 1, "y/grid_0001": 1})
    assert (out / "y" / "grid_0001_autopick.star").exists()


def test_one_that_cannot_be_picked_does_not_end_the_watch(made: Path, session: Path, tmp_path: Path) -> None:
    with mrcfile.new(session / "grid_0000.mrc") as file:
        file.set_data(np.ones(SHAPE, np.float32))  # it states no pixel size
    shutil.copy(make(made, 1), session)
    watch = watching([session], tmp_path / "out", Reader())
    watch.run(0.01, idle_seconds=0.3)
    assert (watch.n_picked, watch.n_failed) == (1, 1)
