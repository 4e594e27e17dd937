"""Parts of a list that are picked by themselves, and put together."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest

from napari_hydrapicker.cli.main import run
from napari_hydrapicker.cluster.shards import merge
from napari_hydrapicker.errors import CoordinateFileError, MicrographError, ParameterError
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picking.batch import open_all, pick_all
from napari_hydrapicker.picking.outputs import OutputFolder, Settings
from napari_hydrapicker.picking.parameters import NetworkFile, PickParameters, RunConfig
from napari_hydrapicker.picking.results import MicrographResult
from napari_hydrapicker.picking.shard import Shard, shard_journals
from napari_hydrapicker.picks import Picks

CONFIG = RunConfig(
    picker="fixed", weights=NetworkFile(name="n", sha256="ab"), head=None, diameter_angstrom=40.0,
    border_angstrom=None, threshold=0.5, no_mask=False, no_split=False, overlay=False,
    format=("csv", "star", "topaz"),
)  # fmt: skip


class Fixed:
    """Picks as many places as the micrograph's name says; cannot pick the fifth."""

    def pick_micrograph(self, micrograph: Micrograph, *arguments: Any) -> Picks:
        number = int(micrograph.name[1:])
        if number == 5:
            raise MicrographError(f"{micrograph.path}: no contrast")
        yx = np.array([[10.0 + 1 / 3 + i, 80 - i] for i in range(number)]).reshape(-1, 2)
        return Picks(yx, np.full(number, 0.75), diameter_px=20)


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Eleven micrographs and a file that is none."""
    made = [tmp_path / f"m{number}.mrc" for number in range(11)]
    for path in made:
        with mrcfile.new(path) as file:
            file.set_data(np.zeros((60, 100), np.float32))
            file.voxel_size = 2.0
    (tmp_path / "text.mrc").write_text("text")
    return [*made, tmp_path / "text.mrc"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "out", PickParameters(diameter_angstrom=40), formats=("star", "csv", "topaz"))


def begin(paths: list[Path], settings: Settings) -> tuple[OutputFolder, Iterator[MicrographResult]]:
    folder = OutputFolder(settings, CONFIG.model_copy(update={"threshold": settings.threshold}))
    micrographs, bad = open_all(paths)
    if settings.shard is not None:
        micrographs, bad = settings.shard.of(micrographs), settings.shard.of(bad)
    good, _ = folder.begin(micrographs, bad)
    return folder, pick_all(Fixed(), good, folder)  # type: ignore[arg-type]


def pick(paths: list[Path], settings: Settings, reached: int = 1000) -> list[str]:
    """Pick, until a run is killed; returns what was picked, and not before."""
    folder, results = begin(paths, settings)
    picked = []
    for _, result in zip(range(reached), results, strict=False):
        picked += [] if result.earlier or result.error else [result.name]
    if reached == 1000:
        folder.finish()
        folder.write_tables()
    return picked


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "picking.jsonl"}


@pytest.mark.parametrize("count", [1, 3, 20])
def test_shards_that_are_merged_are_one_run(count: int, paths: list[Path], settings: Settings) -> None:
    pick(paths, settings)
    apart = replace(settings, out=settings.out.with_name("apart"))
    begun = [begin(paths, replace(apart, shard=Shard(count, one))) for one in range(1, count + 1)]
    while begun:  # in turn, one micrograph at a time
        for folder, results in list(begun):
            if next(results, None) is None:
                folder.finish()
                begun.remove((folder, results))
    assert not (apart.out / "summary.csv").exists()
    merged = merge(apart.out)
    assert (merged.n_micrographs, merged.n_failed, merged.unfinished) == (10, 2, ())
    assert merged.n_picks == sum(range(11)) - 5
    assert contents(apart.out) == contents(settings.out)
    assert pick(paths, replace(apart, resume=True)) == []
    assert contents(apart.out) == contents(settings.out)


def test_a_shard_that_was_killed_goes_on(
    paths: list[Path], settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    pick(paths, settings)
    apart = replace(settings, out=settings.out.with_name("apart"))
    pick(paths, replace(apart, shard=Shard(3, 1)))
    assert len(pick(paths, replace(apart, shard=Shard(3, 2)), reached=2)) == 2
    assert run(["merge", str(apart.out)]) == 2
    told = capsys.readouterr()
    assert "shards that are not done: 2/3, 3/3; give their commands again, with --resume" in told.err
    assert "micrographs in" in told.out
    pick(paths, replace(apart, shard=Shard(3, 3)))
    assert pick(paths, replace(apart, shard=Shard(3, 2), resume=True)) == ["m7", "m10"]
    assert run(["merge", str(apart.out), "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    assert contents(apart.out) == contents(settings.out)
    text = (apart.out / "picking.jsonl").read_text()
    assert [text.count(f'"name": "m{one}"') for one in range(11)] == 11 * [1]  # merged twice, noted once


def test_another_number_of_shards_goes_on(paths: list[Path], settings: Settings) -> None:
    pick(paths, replace(settings, shard=Shard(2, 1)), reached=3)
    resuming = replace(settings, resume=True)
    names = [pick(paths, replace(resuming, shard=Shard(3, one))) for one in (1, 2, 3)]
    assert sorted(one for part in names for one in part) == sorted(
        f"m{one}" for one in (1, 3, 6, 7, 8, 9, 10)
    )
    merged = merge(settings.out)
    assert (merged.n_micrographs, merged.unfinished) == (10, ())  # three thirds are the whole
    assert shard_journals(settings.out) == []


def test_what_one_run_has_done_is_done_for_shards(paths: list[Path], settings: Settings) -> None:
    pick(paths[:4], settings)
    with pytest.raises(CoordinateFileError, match="`resume`"):
        pick(paths, replace(settings, shard=Shard(2, 1)))
    assert pick(paths, replace(settings, shard=Shard(2, 1), resume=True)) == ["m4", "m6", "m8", "m10"]


def test_what_a_shard_replaces_is_replaced(paths: list[Path], settings: Settings) -> None:
    pick(paths, settings)
    before = contents(settings.out)
    os.utime(paths[2], ns=(5, 5))  # the same picture
    for one in (1, 2):
        pick(paths, replace(settings, shard=Shard(2, one), overwrite=True))
    merge(settings.out)
    assert contents(settings.out) == before


def test_a_run_waits_for_shards_to_be_merged(paths: list[Path], settings: Settings) -> None:
    pick(paths, replace(settings, shard=Shard(2, 2)))
    with pytest.raises(CoordinateFileError, match="results of 1 shard that are not merged yet"):
        pick(paths, replace(settings, resume=True))
    assert shard_journals(settings.out) == [Shard(2, 2)]


def test_shards_have_the_same_options(paths: list[Path], settings: Settings) -> None:
    begun = [begin(paths, replace(settings, shard=Shard(2, 1)))]
    begun.append(begin(paths, replace(settings, shard=Shard(2, 2), threshold=0.1)))
    for _, results in begun:
        next(results)
    with pytest.raises(ParameterError, match=r"different options: `threshold` was 0\.5, is 0\.1"):
        merge(settings.out)


def test_there_must_be_something_to_merge(tmp_path: Path) -> None:
    with pytest.raises(CoordinateFileError, match="no such folder"):
        merge(tmp_path / "none")
    with pytest.raises(CoordinateFileError, match="holds no results"):
        merge(tmp_path)


def test_parts_have_nothing_in_common(paths: list[Path]) -> None:
    parts = [Shard(5, one).of(paths) for one in range(1, 6)]
    assert sorted(one for part in parts for one in part) == sorted(paths)
    assert {len(part) for part in parts} <= {2, 3}


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "a/b", "1/0", "-1/2", "1/2/3", ""])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(ParameterError, match="`shard`"):
        Shard.parse(text)
    assert Shard.parse(" 3/8 ") == Shard(8, 3)
