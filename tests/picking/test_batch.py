"""Picking many micrographs into a folder."""

from __future__ import annotations

import csv
import errno
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest

from napari_hydrapicker.errors import MicrographError
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.io import files as _files
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picking import manifest, outputs
from napari_hydrapicker.picking.batch import Timings, default_threads, open_all, pick_all
from napari_hydrapicker.picking.manifest import MANIFEST, OutputFolderError
from napari_hydrapicker.picking.outputs import OutputFolder, Settings
from napari_hydrapicker.picking.parameters import NetworkFile, PickParameters, RunConfig
from napari_hydrapicker.picking.results import MicrographResult
from napari_hydrapicker.picks import Picks


def write(path: Path, pixel_size: float = 2.0, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with mrcfile.new(path, overwrite=True) as file:
        file.set_data(np.random.default_rng(seed).normal(size=(60, 100)).astype(np.float32))
        file.voxel_size = pixel_size
    return path


class Fixed:
    """Picks the same two places everywhere, and keeps what it was asked; cannot pick `bad`."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    @property
    def names(self) -> list[str]:
        return [asked[0] for asked in self.asked]

    def pick_micrograph(self, micrograph: Micrograph, *arguments: Any) -> Picks:
        self.asked.append((micrograph.name, micrograph.pixel_size_angstrom, *arguments))
        if micrograph.name.startswith("bad"):
            raise MicrographError(f"{micrograph.path}: no contrast")
        return Picks(np.array([[10.0 + 1 / 3, 80], [30, 40]]), np.array([0.9, 0.2]), diameter_px=20)


def output(settings: Settings) -> OutputFolder:
    config = RunConfig(
        picker="fixed", weights=NetworkFile(name="n", sha256="ab"), head=None,
        diameter_angstrom=settings.parameters.diameter_angstrom, border_angstrom=None,
        threshold=settings.threshold,
        no_mask=False, no_split=False, overlay=settings.overlay, format=tuple(sorted(settings.formats)),
    )  # fmt: skip
    return OutputFolder(settings, config)


def begin(paths: list[Path], settings: Settings) -> tuple[Fixed, Iterator[MicrographResult], OutputFolder]:
    picker, folder = Fixed(), output(settings)
    micrographs, _ = folder.begin(*open_all(paths))
    return picker, pick_all(picker, micrographs, folder), folder  # type: ignore[arg-type]


def pick(paths: list[Path], settings: Settings) -> tuple[Fixed, list[MicrographResult]]:
    picker, results, folder = begin(paths, settings)
    done = list(results)
    folder.write_tables()
    return picker, done


def summary(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "summary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["micrograph"] for row in rows}) == len(rows)
    return {row["micrograph"]: row for row in rows}


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {".lock", MANIFEST}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "out", PickParameters(diameter_angstrom=40))


@pytest.fixture
def abc(tmp_path: Path) -> list[Path]:
    return [write(tmp_path / f"{name}.mrc") for name in "abc"]


def test_what_cannot_be_opened_has_a_result(tmp_path: Path) -> None:
    (tmp_path / "text.mrc").write_text("text")
    micrographs, bad = open_all([tmp_path / "text.mrc", write(tmp_path / "a.mrc"), tmp_path / "lost.mrc"])
    assert [(one.name, one.shape) for one in micrographs] == [("a", (60, 100))]
    assert [one.name for one in bad] == ["text.mrc", "lost.mrc"]
    assert all(str(tmp_path / one.name) in one.error for one in bad)


def test_the_same_name_in_two_folders_is_two_micrographs(tmp_path: Path) -> None:
    first, second = write(tmp_path / "one" / "a.mrc"), write(tmp_path / "two" / "a.mrc")
    micrographs, bad = open_all([first, write(tmp_path / "two" / "b.mrc")], open_all([second])[0])
    assert [one.name for one in micrographs] == ["one/a", "b", "two/a"]
    assert [one.path.parent.name for one in micrographs] == ["one", "two", "two"]
    assert bad == []


def test_of_one_name_in_one_folder_the_second_is_refused(tmp_path: Path) -> None:
    first, second = write(tmp_path / "one" / "a.mrc"), write(tmp_path / "one" / "a.mrcs")
    micrographs, bad = open_all([first, second])
    assert [one.path for one in micrographs] == [first]
    assert micrographs[0].name == "a"
    assert str(second) in bad[0].error
    assert str(first) in bad[0].error


def test_one_file_named_twice_is_one_micrograph(tmp_path: Path) -> None:
    path = write(tmp_path / "one" / "a.mrc")
    link = tmp_path / "two" / "a.mrc"
    link.parent.mkdir()
    link.symlink_to(path)
    relative = tmp_path / "two" / ".." / "one" / "a.mrc"
    micrographs, bad = open_all([path, link, relative], open_all([link])[0])
    assert [one.path for one in micrographs] == [path]
    assert bad == []


def test_one_bad_micrograph_does_not_stop_the_others(settings: Settings, tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{name}.mrc") for name in ("a", "bad", "c")]
    (tmp_path / "text.mrc").write_text("text")
    _, results = pick([*paths, tmp_path / "text.mrc"], settings)
    assert [one.name for one in results] == ["a", "bad", "c"]
    assert [one.error == "" for one in results] == [True, False, True]
    assert "no contrast" in results[1].error
    assert (results[0].shape, results[0].n_picks) == ((60, 100), 1)
    assert results[0].mean_score == pytest.approx(0.9)
    assert names_in(settings.out) == {"a_autopick.star", "c_autopick.star", "summary.csv"}
    table = summary(settings.out)
    assert {name: bool(row["error"]) for name, row in table.items()} == {
        "a": False, "bad": True, "c": False, "text.mrc": True,
    }  # fmt: skip


def test_a_fault_of_the_program_does_not_stop_the_others(
    settings: Settings, abc: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    class Faulty(Fixed):
        def pick_micrograph(self, micrograph: Micrograph, *arguments: Any) -> Picks:
            if micrograph.name == "b":
                raise ZeroDivisionError("by nothing")
            return super().pick_micrograph(micrograph, *arguments)

    caplog.set_level("DEBUG", "napari_hydrapicker")
    folder = output(settings)
    micrographs, _ = folder.begin(open_all(abc)[0])
    results = list(pick_all(Faulty(), micrographs, folder))  # type: ignore[arg-type]
    assert "b.mrc: internal error: ZeroDivisionError: by nothing; please report" in results[1].error
    assert [one.error for one in (results[0], results[2])] == ["", ""]
    assert "Traceback" in caplog.text


def test_names_that_cannot_be_files_names_do_not_stop_the_others(settings: Settings, tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{name}.mrc") for name in ("a", "new\nline", "x" * 249, "ß" * 124, "z")]
    unicode = paths[0].with_name(os.fsdecode(b"caf\xe9.mrc"))
    shutil.copy(paths[0], unicode)
    picker, results = pick([*paths, unicode], replace(settings, overlay=True))
    assert picker.names == ["a", "z"]
    assert [one.error for one in results] == ["", ""]
    table = summary(settings.out)
    assert len(table) == 6
    assert {name for name, row in table.items() if not row["error"]} == {"a", "z"}
    assert "too long: rename it" in table["x" * 249]["error"]


def test_files_appear_while_picking_goes_on(settings: Settings, abc: list[Path]) -> None:
    _, results, _ = begin(abc, settings)
    next(results)
    assert names_in(settings.out) == {"a_autopick.star"}
    assert output(settings).n_done(open_all(abc)[0]) == 0  # it has not looked yet
    _, rest, folder = begin(abc, replace(settings, resume=True))
    assert folder.n_done(open_all(abc)[0]) == 1
    assert [one.earlier for one in rest] == [True, False, False]


def test_the_picker_is_asked_in_angstrom(settings: Settings, tmp_path: Path) -> None:
    path = write(tmp_path / "a.mrc")
    parameters = PickParameters(diameter_angstrom=40, border_angstrom=7, use_mask=False)
    picker, _ = pick([path], replace(settings, parameters=parameters))
    assert picker.asked == [("a", 2.0, parameters)]
    picker, results = pick([path], replace(settings, pixel_size_angstrom=1.5, overwrite=True))
    assert picker.asked[0][1] == results[0].pixel_size_angstrom == 1.5


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ((0.0, 0.0, 0.0), "the file states no pixel size"),
        ((1.5, 1.8, 1.0), "the file states 1.5 A a pixel along x, but 1.8 A along y"),
        ((536.0, 536.0, 1.0), "the file states 536 A a pixel, which no micrograph has"),
    ],
    ids=["none", "unequal", "absurd"],
)
@pytest.mark.filterwarnings("ignore:.*along y, so that neither is taken")
def test_why_a_pixel_size_is_not_known_is_said_as_it_is(
    settings: Settings, tmp_path: Path, stated: tuple[float, float, float], said: str
) -> None:
    path = write(tmp_path / "a.mrc")
    with mrcfile.open(path, "r+") as file:
        file.voxel_size = stated
    _, [result] = pick([path], settings)
    assert result.error == f"{path}: {said}; give it with `pixel_size`"


def test_only_picks_from_the_threshold_on_are_kept(settings: Settings, tmp_path: Path) -> None:
    _, results = pick([write(tmp_path / "a.mrc")], replace(settings, threshold=0.1))
    assert results[0].n_picks == 2
    assert len(formats.read(settings.out / "a_autopick.star")["a"]) == 2


ALL = ("star", "box", "cbox", "topaz", "csv")


def contents(folder: Path) -> dict[str, bytes]:
    """All files but the manifest."""
    return {name: (folder / name).read_bytes() for name in names_in(folder)}


@pytest.mark.parametrize("chosen", [ALL, ("csv",), ("topaz", "csv"), ("star",)])
@pytest.mark.parametrize("reached", [0, 1, 2, 3])
def test_a_run_that_was_killed_ends_as_one_that_was_not(
    reached: int, chosen: tuple[str, ...], settings: Settings, abc: list[Path]
) -> None:
    whole = replace(settings, formats=chosen, overlay=len(chosen) > 1, threshold=0.1)
    pick(abc, whole)
    killed = replace(whole, out=settings.out.with_name("killed"), resume=True)
    _, results, _ = begin(abc, killed)
    for _ in range(reached):
        next(results)
    (killed.out / ("." + "0f" * 16 + ".tmp")).write_text("half a file")
    if reached < 3:
        (killed.out / "c_autopick.star").write_text("written, but not noted yet")
    picker, done = pick(abc, killed)
    assert picker.names == list("abc"[reached:])
    assert [(one.n_picks, one.diameter_px, one.shape) for one in done] == 3 * [(2, 20, (60, 100))]
    expected = contents(whole.out)
    if "star" not in chosen and reached < 3:
        (killed.out / "c_autopick.star").unlink()  # none of its files
    assert contents(killed.out) == expected


@pytest.mark.parametrize("chosen", [ALL, ("csv",), ("star",)])
def test_runs_one_after_the_other_keep_each_others_rows(
    chosen: tuple[str, ...], settings: Settings, abc: list[Path]
) -> None:
    together = replace(settings, formats=chosen)
    pick(abc, together)
    for resume in (False, True):
        apart = replace(together, out=settings.out.with_name(f"apart{resume}"), resume=resume)
        for path in reversed(abc):
            pick([path], apart)
        assert contents(apart.out) == contents(together.out)


def test_runs_at_the_same_time_keep_each_others_rows(settings: Settings, tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{name}.mrc") for name in ("a", "b", "c", "bad1", "bad2")]
    everything = replace(settings, formats=ALL)
    pick(paths, everything)
    at_once = replace(everything, out=tmp_path / "at once")
    _, first, first_folder = begin([paths[0], paths[2], paths[3]], at_once)
    _, second, second_folder = begin([paths[4], paths[1]], at_once)
    _, third, third_folder = begin([paths[2]], at_once)  # c is picked by two
    for results in (second, third, first, second, first, first):
        next(results)
    third_folder.write_tables()
    second_folder.write_tables()
    assert contents(at_once.out) == contents(everything.out)
    first_folder.write_tables()
    assert contents(at_once.out) == contents(everything.out)


def test_what_another_run_has_done_meanwhile_is_not_picked(settings: Settings, abc: list[Path]) -> None:
    resuming = replace(settings, resume=True)
    slow, results, _ = begin(abc, resuming)
    next(results)
    fast, _ = pick(abc, resuming)
    assert [one.earlier for one in results] == [True, True]
    assert (slow.names, fast.names) == (["a"], ["b", "c"])


def test_two_that_pick_the_same_keep_the_first(settings: Settings, abc: list[Path]) -> None:
    class Overtaken(Fixed):
        def pick_micrograph(self, micrograph: Micrograph, *arguments: Any) -> Picks:
            pick([micrograph.path], replace(settings, resume=True))
            (settings.out / "a_autopick.star").write_text("by the first")
            return super().pick_micrograph(micrograph, *arguments)

    folder = output(replace(settings, resume=True))
    micrographs, _ = folder.begin(open_all(abc[:1])[0])
    (done,) = pick_all(Overtaken(), micrographs, folder)  # type: ignore[arg-type]
    assert done.earlier
    assert (settings.out / "a_autopick.star").read_text() == "by the first"


def test_overwriting_one_keeps_the_others(settings: Settings, abc: list[Path]) -> None:
    both = replace(settings, formats=("star", "csv"), threshold=0.1)
    pick(abc, both)
    before = contents(both.out)
    picker, _ = pick(abc[1:2], replace(both, overwrite=True))
    assert picker.names == ["b"]
    assert contents(both.out) == before
    pick(abc[1:2], replace(both, overwrite=True, threshold=0.5))  # other options: the user wants them mixed
    assert {name: row["picks"] for name, row in summary(both.out).items()} == {"a": "2", "b": "1", "c": "2"}
    table = formats.read(both.out / "picks.csv")
    assert {name: len(one) for name, one in table.items()} == {"a": 2, "b": 1, "c": 2}
    # Tables of other formats that the folder has are kept true.
    pick(abc[2:], replace(both, overwrite=True, threshold=0.5, formats=("star",)))
    assert {name: len(one) for name, one in formats.read(both.out / "picks.csv").items()} == {
        "a": 2, "b": 1, "c": 1,
    }  # fmt: skip


def test_what_an_overwriting_run_did_not_reach_is_picked_again(settings: Settings, abc: list[Path]) -> None:
    pick(abc, replace(settings, threshold=0.1))
    _, results, _ = begin(abc[:2], replace(settings, overwrite=True))
    next(results)
    picker, done = pick(abc[:2], replace(settings, resume=True))
    assert picker.names == ["b"]
    assert [one.n_picks for one in done] == [1, 1]
    assert {name: row["picks"] for name, row in summary(settings.out).items()} == {
        "a": "1",
        "b": "1",
        "c": "2",
    }


def test_what_changed_since_is_picked_again(
    settings: Settings, abc: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "napari_hydrapicker")
    resuming = replace(settings, resume=True)
    pick(abc, resuming)
    assert pick(abc, resuming)[0].names == []
    write(abc[0], pixel_size=3.0, seed=1)  # the same size; so is a pixel size that was wrong put right
    os.utime(abc[0], ns=(5, 5))
    abc[1].write_bytes(abc[1].read_bytes()[:-1])
    picker, _ = pick(abc, resuming)
    assert picker.names == ["a"]
    assert "a has changed since" in caplog.text
    table = summary(settings.out)
    assert [(name, row["picks"]) for name, row in table.items()] == [("a", "1"), ("b.mrc", ""), ("c", "1")]
    write(abc[1])
    assert pick(abc, resuming)[0].names == ["b"]
    assert list(summary(settings.out)) == ["a", "b", "c"]


def test_a_pixel_size_that_is_not_said_again_is_the_one_before(settings: Settings, tmp_path: Path) -> None:
    path = write(tmp_path / "a.mrc", pixel_size=0.0)
    pick([path], replace(settings, pixel_size_angstrom=2.0))
    picker, done = pick([path], replace(settings, resume=True))
    assert (picker.names, done[0].error) == ([], "")


def test_one_name_in_two_folders_is_not_one_micrograph(settings: Settings, tmp_path: Path) -> None:
    resuming = replace(settings, resume=True)
    first, second = write(tmp_path / "one" / "a.mrc"), write(tmp_path / "two" / "a.mrc", seed=1)
    os.utime(second, ns=(5, 5))
    pick([first], resuming)
    picker, (done,) = pick([second], resuming)
    assert picker.names == []
    assert f"shares its name with {first}, which is picked into" in done.error
    assert [(name, bool(row["error"])) for name, row in summary(settings.out).items()] == [
        ("a", False), ("a.mrc", True),
    ]  # fmt: skip
    _, results, _ = begin([second], replace(resuming, out=tmp_path / "at once"))
    pick([first], replace(resuming, out=tmp_path / "at once"))
    assert "shares its name" in next(results).error
    assert pick([second], replace(settings, overwrite=True))[0].names == ["a"]


def test_a_folder_of_micrographs_may_be_moved(settings: Settings, tmp_path: Path) -> None:
    resuming = replace(settings, resume=True)
    path = write(tmp_path / "one" / "a.mrc")
    pick([path], resuming)
    path.parent.rename(tmp_path / "two")
    assert pick([tmp_path / "two" / "a.mrc"], resuming)[0].names == []


def test_a_micrograph_keeps_its_first_name(
    settings: Settings, abc: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    resuming = replace(settings, resume=True, overlay=True)
    pick(abc, resuming)
    # In another list its name may need a folder before it.
    monkeypatch.setattr(Micrograph, "name", property(lambda self: f"folder_{self.path.stem}"))
    assert pick(abc, resuming)[0].names == []
    assert set(summary(settings.out)) == {"a", "b", "c"}
    os.utime(abc[0], ns=(5, 5))
    pick(abc, resuming)
    pick(abc[:1], replace(settings, overwrite=True, overlay=True))
    assert set(summary(settings.out)) == {"a", "b", "c"}
    assert names_in(settings.out) == {
        f"{name}_{kind}" for name in "abc" for kind in ("autopick.star", "overlay.png")
    } | {"summary.csv"}


def test_files_that_were_lost_are_written_anew_without_picking(settings: Settings, abc: list[Path]) -> None:
    both = replace(settings, formats=ALL, overlay=True, resume=True)
    pick(abc, both)
    before = contents(both.out)
    (both.out / "a.box").unlink()
    (both.out / "b_overlay.png").unlink()
    (both.out / "c_autopick.star").write_bytes(b"")  # after the power failed
    (both.out / "picks.csv").unlink()
    assert pick(abc, both)[0].names == []
    assert contents(both.out) == before


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let a file of some name not be written."""

    def refusing(name: str, number: int) -> None:
        write_whole = _files._write_whole

        def full(path: Path, content: bytes) -> None:
            if path.name == name:
                raise OSError(number, os.strerror(number))
            write_whole(path, content)

        monkeypatch.setattr(_files, "_write_whole", full)

    return refusing


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("stage", ["b_autopick.star", "b_overlay.png", MANIFEST])
def test_a_full_disk_stops_the_others(
    stage: str,
    number: int,
    settings: Settings,
    abc: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    refuse: Callable[..., None],
) -> None:
    drawing = replace(settings, overlay=True)
    picker, results, folder = begin(abc, drawing)
    assert next(results).name == "a"
    if stage == MANIFEST:

        def full(*arguments: object) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(manifest.Manifest, "add", full)
    refuse(stage, number)
    with pytest.raises(OutputFolderError, match=rf"cannot be written \({os.strerror(number)}\)"):
        next(results)
    assert picker.names == ["a", "b"]
    assert folder.n_done(open_all(abc)[0]) == 1
    monkeypatch.undo()
    picker, _ = pick(abc, replace(drawing, resume=True))
    assert picker.names == ["b", "c"]


def test_a_folder_that_is_lost_stops_the_others(settings: Settings, abc: list[Path]) -> None:
    picker, results, _ = begin(abc, settings)
    next(results)
    settings.out.rename(settings.out.with_name("moved"))
    with pytest.raises(OutputFolderError, match=f"is gone .*: {settings.out}"):
        next(results)
    assert picker.names == ["a"]
    assert not settings.out.exists()


def test_a_folder_that_is_lost_while_picking(settings: Settings, abc: list[Path]) -> None:
    class Loses(Fixed):
        def pick_micrograph(self, micrograph: Micrograph, *arguments: Any) -> Picks:
            shutil.rmtree(settings.out)
            return super().pick_micrograph(micrograph, *arguments)

    folder = output(settings)
    micrographs, _ = folder.begin(open_all(abc)[0])
    with pytest.raises(OutputFolderError, match="is gone"):
        list(pick_all(Loses(), micrographs, folder))  # type: ignore[arg-type]
    assert not settings.out.exists()


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_a_folder_that_turns_read_only_stops_the_others(
    number: int,
    settings: Settings,
    abc: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    refuse: Callable[..., None],
) -> None:
    def read_only(dir: Path) -> None:
        raise OSError(number, os.strerror(number), str(dir))

    picker, results, _ = begin(abc, settings)
    next(results)
    refuse("b_autopick.star", number)
    monkeypatch.setattr(outputs, "TemporaryFile", read_only)
    with pytest.raises(OutputFolderError, match=rf"any more \({os.strerror(number)}\): {settings.out}"):
        next(results)
    assert picker.names == ["a", "b"]


def test_another_trouble_with_a_file_does_not(settings: Settings, abc: list[Path]) -> None:
    (settings.out / "a_autopick.star").mkdir(parents=True)
    _, results = pick(abc, replace(settings, overwrite=True))
    assert "a_autopick.star: cannot be written" in results[0].error
    assert [one.error for one in results[1:]] == ["", ""]


def test_runs_at_the_same_time_must_have_the_same_options(settings: Settings, abc: list[Path]) -> None:
    _, first, _ = begin(abc[:1], settings)
    _, second, _ = begin(abc[1:], replace(settings, threshold=0.1))  # when there was no result yet
    next(first)
    with pytest.raises(OutputFolderError, match=r"another run .* whose `threshold` was 0\.5, is 0\.1 here"):
        next(second)
    assert output(settings).begin(open_all(abc[1:])[0])


class Staged(Fixed):
    """Reads ahead, and keeps how many were prepared but not picked; cannot prepare `torn`."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: set[tuple[str, int]] = set()
        self.ahead = self.most = 0
        self.gate = threading.Event()

    def prepare_micrograph(self, micrograph: Micrograph, parameters: PickParameters) -> Micrograph:
        if micrograph.name.startswith("torn"):
            raise MicrographError(f"{micrograph.path}: torn")
        self.threads.add(("prepare", threading.get_ident()))
        self.ahead += 1
        self.most = max(self.most, self.ahead)
        if self.ahead > 1:
            self.gate.set()
        return micrograph

    def pick_prepared(self, prepared: Micrograph, parameters: PickParameters, floor: float = 0.01) -> Picks:
        self.threads.add(("pick", threading.get_ident()))
        assert self.gate.wait(20)  # the next is read while this one is picked
        self.ahead -= 1
        return super().pick_micrograph(prepared, parameters)


def test_the_next_are_read_while_one_is_picked(settings: Settings, tmp_path: Path) -> None:
    names = ["a", "bad", "c", "torn", *(f"m{number:02d}" for number in range(20))]
    paths = [write(tmp_path / f"{name}.mrc") for name in names]
    everything = replace(settings, formats=ALL, overlay=True)
    _, one_by_one = pick(paths, everything)
    picker, folder = Staged(), output(replace(everything, out=tmp_path / "threads"))
    micrographs, _ = folder.begin(*open_all(paths))
    timings = Timings()
    results = list(pick_all(picker, micrographs, folder, threads=2, timings=timings))  # type: ignore[arg-type]
    folder.write_tables()
    assert [one.name for one in results] == names  # in their order
    assert [bool(one.error) for one in results] == [name in ("bad", "torn") for name in names]
    assert [one.n_picks for one in results if one.name != "torn"] == [
        one.n_picks for one in one_by_one if one.name != "torn"
    ]
    picked_in = {thread for part, thread in picker.threads if part == "pick"}
    assert picked_in == {threading.get_ident()}
    assert not picked_in & {thread for part, thread in picker.threads if part == "prepare"}
    assert 2 <= picker.most <= 1 + 2 * 2 + 2  # so memory does not grow with the list
    assert timings.wall > 0
    assert timings.write > 0
    torn = {"torn_autopick.star", "torn.box", "torn.cbox", "torn_overlay.png", "picks.csv", "summary.csv"}
    own, others = contents(settings.out), contents(tmp_path / "threads")
    for name in {*own, *others} - torn - {"picks.txt"}:
        assert own.get(name) == others.get(name), name


def test_what_is_picked_is_written_before_a_run_is_left(settings: Settings, tmp_path: Path) -> None:
    paths = [write(tmp_path / f"m{number:02d}.mrc") for number in range(12)]
    picker, folder = Fixed(), output(settings)
    micrographs, _ = folder.begin(*open_all(paths))
    results = pick_all(picker, micrographs, folder, threads=3)  # type: ignore[arg-type]
    next(results)
    results.close()
    assert len(picker.names) < 12
    assert sorted(folder.manifest.picked) == picker.names  # threads write them, in any order
    assert names_in(settings.out) == {f"{name}_autopick.star" for name in picker.names}


def test_threads_stop_when_the_folder_is_lost(settings: Settings, tmp_path: Path) -> None:
    paths = [write(tmp_path / f"m{number:02d}.mrc") for number in range(30)]
    picker, folder = Fixed(), output(settings)
    micrographs, _ = folder.begin(*open_all(paths))
    results = pick_all(picker, micrographs, folder, threads=2)  # type: ignore[arg-type]
    next(results)
    settings.out.rename(settings.out.with_name("moved"))
    with pytest.raises(OutputFolderError, match=f"is gone .*: {settings.out}"):
        list(results)
    assert len(picker.names) < 30
    assert not settings.out.exists()


def test_the_share_of_the_network() -> None:
    timings = Timings(prepare=3.0, network=6.0, write=0.5, wall=4.0, networks=2)
    assert str(timings).startswith("network at work 75 % of 4.0 s; beside it 3.0 s of reading")
    assert (default_threads("cpu"), default_threads("cuda:1") >= 1) == (1, True)


def test_a_word_for_every_micrograph(
    settings: Settings, abc: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "napari_hydrapicker")
    pick(abc, settings)
    assert "b: 1 pick in 0.0 s" in caplog.text
