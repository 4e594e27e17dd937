"""The table and picture of live picking."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from PIL import Image

from napari_hydrapicker.cluster.timeline import PICTURE, TABLE, Timeline
from napari_hydrapicker.errors import CoordinateFileError
from napari_hydrapicker.picking.results import MicrographResult


def result(name: str, seconds: int, **values: object) -> MicrographResult:
    fields = {"n_picks": 12, "mean_score": 0.75, "doubt": 0.25} | values
    return MicrographResult(name, mtime_ns=seconds * 10**9, **fields)  # type: ignore[arg-type]


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / TABLE).open(newline="") as file:
        return list(csv.DictReader(file))


def test_each_micrograph_stands_in_the_table_once(tmp_path: Path) -> None:
    Timeline(tmp_path).add(result("a", 60))
    again = Timeline(tmp_path)
    again.add(result("a", 60))
    again.add(result("b", 120, n_picks=0, mean_score=None, doubt=1.0))
    first, second = rows(tmp_path)
    assert (first["micrograph"], first["finished"]) == ("a", "1970-01-01T00:01:00+00:00")
    assert (first["picks"], first["mean_score"], first["doubt"]) == ("12", "0.7500", "0.2500")
    assert (second["micrograph"], second["mean_score"]) == ("b", "")


def test_half_a_line_of_a_killed_run_is_written_anew(tmp_path: Path) -> None:
    Timeline(tmp_path).add(result("a", 60))
    with (tmp_path / TABLE).open("a") as file:
        file.write("1970-01-01T00:02:00+00:00,1970-0")
    Timeline(tmp_path).add(result("b", 120))
    assert [row["micrograph"] for row in rows(tmp_path)] == ["a", "b"]


def test_the_picture_is_drawn_from_the_table(tmp_path: Path) -> None:
    timeline = Timeline(tmp_path)
    timeline.draw()
    assert not (tmp_path / PICTURE).exists()  # nothing to draw
    for i in range(3):
        timeline.add(result(f"m{i}", 60 * i, mean_score=None if i == 1 else 0.5))
    timeline.draw()
    with Image.open(tmp_path / PICTURE) as first:
        assert first.size == (900, 700)
        before = first.tobytes()
    timeline.add(result("m3", 300, n_picks=400))
    timeline.draw()
    with Image.open(tmp_path / PICTURE) as second:
        assert second.tobytes() != before


def test_a_table_of_something_else_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / TABLE).write_text("date,weather\n1,rain\n")
    with pytest.raises(CoordinateFileError, match=TABLE):
        Timeline(tmp_path).add(result("a", 60))
    assert (tmp_path / TABLE).read_text().startswith("date")
