"""Display copies ahead of time."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from napari_hydrapicker.gui.layers.loader import DisplayLoader
from napari_hydrapicker.imaging.display import DisplayFilter, DisplayImage
from napari_hydrapicker.project.records import MicrographRecord, Status

Wait = Callable[..., None]


@pytest.fixture
def records(tmp_path: Path) -> list[MicrographRecord]:
    """Three micrographs, the last of which is missing."""
    made = []
    for number in (1, 2, 3):
        path = tmp_path / f"m{number}.mrc"
        if number < 3:
            with mrcfile.new(path) as file:
                file.set_data(np.random.default_rng(number).normal(size=(60, 90)).astype(np.float32))
        made.append(MicrographRecord(number, path, path.stem, (60, 90), 2.0, 0, 1, Status.NEW))
    return made


@pytest.fixture
def loader(qapp_exists: None) -> Iterator[DisplayLoader]:
    """A loader that is closed after the test."""
    made = DisplayLoader()
    yield made
    made.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("hydrapicker-display")]


def test_only_what_was_asked_for_last_is_announced(
    loader: DisplayLoader, records: list[MicrographRecord], wait: Wait
) -> None:
    heard: list[tuple[int, DisplayImage]] = []
    loader.loaded.connect(lambda number, image: heard.append((number, image)))
    loader.request(records[0], DisplayFilter())
    loader.request(records[1], DisplayFilter(), [records[0]])
    wait(lambda: bool(heard))
    assert [number for number, _ in heard] == [2]
    assert heard[0][1].extent_px == (60, 90)


def test_neighbours_are_there_at_once(
    loader: DisplayLoader, records: list[MicrographRecord], wait: Wait
) -> None:
    heard: list[int] = []
    loader.loaded.connect(lambda number, _: heard.append(number))
    loader.request(records[0], DisplayFilter(), [records[1]])
    wait(lambda: len(loader._images) == 2)
    loader.request(records[1], DisplayFilter())
    assert heard == [1, 2], "without waiting"


def test_a_file_that_cannot_be_read_is_told(
    loader: DisplayLoader, records: list[MicrographRecord], wait: Wait
) -> None:
    told: list[str] = []
    loader.failed.connect(lambda _, text: told.append(text))
    loader.request(records[0], DisplayFilter(), [records[2]])
    wait(lambda: len(loader._images) == 1 and not loader._pending)
    assert told == [], "nobody has asked for it yet"
    loader.request(records[2], DisplayFilter())
    wait(lambda: bool(told))
    assert "m3.mrc" in told[0]


def test_old_copies_make_room(loader: DisplayLoader, records: list[MicrographRecord], wait: Wait) -> None:
    for n in range(12):
        loader.request(records[0], DisplayFilter(low_pass_angstrom=10.0 + n))
        wait(lambda: not loader._pending)
    assert len(loader._images) == 9


def test_micrographs_of_another_project_are_not_confused(
    loader: DisplayLoader, records: list[MicrographRecord], wait: Wait
) -> None:
    heard: list[DisplayImage] = []
    loader.loaded.connect(lambda _, image: heard.append(image))
    loader.request(records[0], DisplayFilter())
    wait(lambda: not loader._pending)
    loader.request(replace(records[1], id=records[0].id), DisplayFilter())
    wait(lambda: len(heard) == 2)
    assert not np.array_equal(heard[0].image, heard[1].image)
