"""`hydrapicker pick`."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import mrcfile
import numpy as np
import pytest
import torch

from napari_hydrapicker.cli.main import run
from napari_hydrapicker.cli.pick_run import done_of
from napari_hydrapicker.hydra.head_record import HeadRecord
from napari_hydrapicker.hydra.layers import ThesisHead
from napari_hydrapicker.hydra.network import Architecture
from napari_hydrapicker.hydra.weights import body_hash, load, save
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.picking.library import HOME_VARIABLE, HeadLibrary


def write_micrograph(path: Path, seed: int, pixel_size: float = 2.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with mrcfile.new(path) as file:
        file.set_data(np.random.default_rng(seed).normal(0, 9, (300, 480)).astype(np.float32))
        file.voxel_size = pixel_size
    return path


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep away from the heads of whoever runs the tests."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of two non-square micrographs."""
    for seed, name in enumerate(("a", "b")):
        write_micrograph(tmp_path / "in" / f"{name}.mrc", seed)
    return tmp_path / "in"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def add_head(library: HeadLibrary, name: str, weights: Path, diameter: float) -> Path:
    """Keep a head that finds nothing, in place of one of its name."""
    head = ThesisHead(4, 4, 0.0).eval()
    with torch.no_grad():
        head.output.bias[0] = -9  # type: ignore[index]
    record = HeadRecord(
        name=name, diameter_angstrom=diameter, created="2026-01-02T03:04:05+00:00",
        parent=body_hash(load(weights)[0]), **Architecture(channels=4, groups=4).model_dump(),
    )  # fmt: skip
    return library.add(head, record, overwrite=True)


def pick(out: Path, weights: Path, *arguments: str | Path) -> int:
    options = ["--out", out, "--weights", weights, "--device", "cpu", "--diameter", 84]
    return run(["pick", *map(str, options), *map(str, arguments)])


def summary(out: Path) -> list[dict[str, str]]:
    with (out / "summary.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_format_holds_the_same_picks(
    folder: Path, out: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pick(out, weights, folder, "--format", "star,box,cbox,topaz,csv", "--overlay") == 0
    names = {"a_autopick.star", "a.box", "a.cbox", "a_overlay.png", "picks.txt", "picks.csv", "summary.csv"}
    assert names <= {path.name for path in out.iterdir()}
    star = formats.read(out / "a_autopick.star")["a"]
    assert len(star) > 5
    assert 300 < star.x.max() < 480
    assert star.y.max() < 300
    assert (star.score >= 0.25).all()
    for path, tolerance in (("a.box", 1.5), ("a.cbox", 0.01), ("picks.txt", 0.51), ("picks.csv", 0.01)):
        other = formats.read(out / path)["a"]
        assert other.yx == pytest.approx(star.yx, abs=tolerance), path
    rows = summary(out)
    assert [row["micrograph"] for row in rows] == ["a", "b"]
    assert int(rows[0]["picks"]) == len(star)
    assert float(rows[0]["pixel_size_angstrom"]) == 2
    assert "2 micrographs" in capsys.readouterr().out


def test_patterns_thresholds_and_borders(folder: Path, out: Path, weights: Path) -> None:
    assert pick(out, weights, folder / "a*.mrc", "--threshold", "0", "--border", "160") == 0
    picks = formats.read(out / "a_autopick.star")["a"]
    assert len(picks)
    assert (picks.yx >= 80).all()
    assert (picks.yx <= [219, 399]).all()
    assert not (out / "b_autopick.star").exists()
    assert pick(out, weights, folder / "a.mrc", "--threshold", "1", "--overwrite") == 0
    assert summary(out)[0]["picks"] == "0"


def test_picking_one_anew_keeps_the_others(folder: Path, out: Path, weights: Path) -> None:
    assert pick(out, weights, folder, "--format", "star,csv") == 0
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.name[0] in "ab"}
    assert pick(out, weights, folder / "a.mrc", "--format", "star,csv", "--overwrite") == 0
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.name[0] in "ab"} == before
    assert [row["micrograph"] for row in summary(out)] == ["a", "b"]
    assert formats.read(out / "picks.csv").keys() == {"a", "b"}


def test_a_bad_file_does_not_stop_the_others(
    folder: Path, out: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "aa.mrc").write_bytes(b"no micrograph")
    with mrcfile.new(folder / "flat.mrc") as file:
        file.set_data(np.zeros((300, 480), np.float32))
        file.voxel_size = 2.0
    assert pick(out, weights, folder) == 2
    assert (out / "a_autopick.star").exists()
    assert (out / "b_autopick.star").exists()
    errors = capsys.readouterr().err
    assert "2 of 4 micrographs were not picked" in errors
    assert "aa.mrc" in errors
    assert "flat.mrc" in errors
    assert {row["micrograph"]: bool(row["error"]) for row in summary(out)} == {
        "a": False, "aa.mrc": True, "b": False, "flat": True,
    }  # fmt: skip


def test_a_missing_pixel_size(
    tmp_path: Path, out: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_micrograph(tmp_path / "none.mrc", 0, pixel_size=0.0)
    assert pick(out, weights, path) == 2
    assert "--pixel-size" in capsys.readouterr().err
    assert pick(out, weights, path, "--pixel-size", "2") == 0  # what failed leaves nothing in the way
    assert len(formats.read(out / "none_autopick.star")["none"])


def test_results_are_not_replaced_unasked(
    folder: Path, out: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out.mkdir()
    (out / "b_autopick.star").write_text("precious")
    assert pick(out, weights, folder) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert {path.name for path in out.iterdir()} == {"b_autopick.star", ".lock"}
    assert pick(out, weights, folder, "--overwrite") == 0
    assert "precious" not in (out / "b_autopick.star").read_text()


def test_micrographs_of_one_name_do_not_overwrite_each_other(folder: Path, out: Path, weights: Path) -> None:
    twin = write_micrograph(folder / "more" / "a.mrc", 9)
    options = ("--overlay", "--format", "csv,box,star")
    assert pick(out, weights, folder, twin, *options) == 0
    names = ["b", "in/a", "more/a"]
    assert [row["micrograph"] for row in summary(out)] == names
    assert list(formats.read(out / "picks.csv")) == names
    before = formats.read(out / "picks.csv")
    for name in names:
        [alone] = formats.read(out / f"{name}_autopick.star").values()
        np.testing.assert_allclose(alone.yx, before[name].yx, atol=1e-4)
        assert (out / f"{name}_overlay.png").exists()
    assert pick(out, weights, folder, twin, *options, "--resume") == 0
    after = formats.read(out / "picks.csv")
    assert {name: len(one) for name, one in after.items()} == {name: len(one) for name, one in before.items()}


def test_a_folder_that_grows_is_picked_again_and_again(
    folder: Path, out: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pick(out, weights, folder / "a.mrc", "--resume", "--format", "star,csv") == 0
    before = (out / "a_autopick.star").stat().st_mtime_ns
    # The network by another path, the pixel size that the files state, and how it is computed: no matter.
    moved = weights.rename(weights.with_name("moved.safetensors"))
    same = ["--resume", "--format", "csv,star", "--pixel-size", "2", "--tile", "320", "--threshold", "0.25"]
    assert pick(out, moved, folder, *same) == 0
    moved.rename(weights)
    assert (out / "a_autopick.star").stat().st_mtime_ns == before
    assert [row["micrograph"] for row in summary(out)] == ["a", "b"]
    assert formats.read(out / "picks.csv").keys() == {"a", "b"}
    assert "earlier" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--diameter", "90"], "--diameter was 84, is 90"),
        (["--threshold", "0.7"], "--threshold was 0.25, is 0.7"),
        (["--border", "10"], "--border was half the diameter, is 10"),
        (["--no-mask"], "--no-mask was not given, is given"),
        (["--overlay"], "--overlay was not given, is given"),
        (["--format", "star,box"], "--format was star, is box,star"),
        (["--pixel-size", "1.5"], "the pixel size of a was 2 A, is 1.5 A"),
    ],
)
def test_a_run_does_not_go_on_with_other_options(
    options: list[str],
    said: str,
    folder: Path,
    out: Path,
    weights: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert pick(out, weights, folder / "a.mrc") == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    capsys.readouterr()
    assert pick(out, weights, folder, "--resume", *options) == 2
    error = capsys.readouterr().err
    assert f"error: --resume: {out} was picked with other options: {said}: repeat" in error
    assert error.count("\n") == 1
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_a_run_does_not_go_on_with_another_network_or_head(
    folder: Path, out: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    library = HeadLibrary(tmp_path / "group")
    add_head(library, "shy", weights, 84)
    assert pick(out, weights, folder / "a.mrc") == 0
    capsys.readouterr()
    assert pick(out, weights, folder, "--resume", "--head", "shy", "--library", library.folder) == 2
    assert "--head was generic, is shy.safetensors (SHA-256 " in capsys.readouterr().err
    model, metadata = load(weights)
    with torch.no_grad():
        model.head().output.bias[0] += 1  # type: ignore[index, union-attr]
    other = tmp_path / weights.name
    save(model, other, metadata)
    assert pick(out, other, folder, "--resume") == 2
    assert "--weights was tiny.safetensors (SHA-256 " in capsys.readouterr().err


def test_a_head_that_was_trained_anew_is_another(
    folder: Path, out: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    library = HeadLibrary(tmp_path / "group")
    file = add_head(library, "shy", weights, 84)
    named = ["--head", "shy", "--library", library.folder]
    assert pick(out, weights, folder / "a.mrc", *named) == 0
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(file.read_bytes())
    assert pick(out, weights, folder, "--resume", "--head", copy) == 0
    add_head(library, "shy", weights, 90)
    capsys.readouterr()
    assert pick(out, weights, folder, "--resume", *named) == 2
    assert "--head was copy" not in (told := capsys.readouterr().err)
    assert "--head was shy.safetensors (SHA-256 " in told


def test_results_without_a_word_on_their_making_are_not_gone_on_with(
    folder: Path, out: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pick(out, weights, folder) == 0
    (out / "picking.jsonl").unlink()
    capsys.readouterr()
    assert pick(out, weights, folder, "--resume") == 2
    assert "a_autopick.star exists, but not " in (told := capsys.readouterr().err)
    assert told.count("\n") == 1


def test_only_one_of_resume_and_overwrite(
    folder: Path, out: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pick(out, weights, folder, "--resume", "--overwrite") == 2
    assert "--resume would keep" in capsys.readouterr().err


def test_a_list_names_micrographs_and_pixel_sizes(
    folder: Path, out: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder.parent / "micrographs.star"
    path.write_text(
        "data_optics\nloop_\n_rlnOpticsGroup #1\n_rlnMicrographPixelSize #2\n7 2.5\n\n"
        "data_micrographs\nloop_\n_rlnMicrographName #1\n_rlnOpticsGroup #2\nin/b.mrc 7\nin/lost.mrc 7\n"
    )
    assert pick(out, weights, path, folder / "a.mrc") == 2
    assert "lists in/lost.mrc, which is neither" in " ".join(capsys.readouterr().err.split())
    found = {row["micrograph"]: row["pixel_size_angstrom"] for row in summary(out)}
    assert found == {"a": "2", "b": "2.5", "micrographs.star": ""}


@pytest.mark.filterwarnings("always:.* the pixel size is given as 1 A")
def test_a_pixel_size_of_one_is_doubted(
    tmp_path: Path, out: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_micrograph(tmp_path / "one.mrc", 0, pixel_size=1.0)
    assert pick(out, weights, path) == 0
    assert f"hydrapicker: warning: {path}: the pixel size is given as 1 A" in capsys.readouterr().err
    assert pick(out, weights, path, "--pixel-size", "1", "--overwrite") == 0
    assert "warning" not in capsys.readouterr().err


@pytest.mark.filterwarnings("always:.* is taken for all")
def test_one_pixel_size_for_binned_and_unbinned(
    folder: Path, out: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_micrograph(folder / "binned.mrc", 3, pixel_size=4.0)
    assert pick(out, weights, folder, "--pixel-size", "2") == 0
    told = capsys.readouterr().err
    assert f"{path}: the file states 4 A per pixel, others 2; --pixel-size 2 is taken for all" in told
    assert pick(out, weights, folder, "--overwrite") == 0
    assert [row["pixel_size_angstrom"] for row in summary(out)] == ["2", "2", "4"]
    assert "warning" not in capsys.readouterr().err


@pytest.mark.filterwarnings("always:.* is taken")
@pytest.mark.parametrize(
    ("stated", "given", "doubted"), [(2, 3, True), (4, 0.4, True), (2, 2.9, False), (1, 2, False)]
)
def test_a_pixel_size_far_from_that_of_the_file_is_doubted(
    tmp_path: Path,
    out: Path,
    weights: Path,
    capsys: pytest.CaptureFixture[str],
    stated: float,
    given: float,
    doubted: bool,
) -> None:
    path = write_micrograph(tmp_path / "one.mrc", 0, pixel_size=stated)
    pick(out, weights, path, "--pixel-size", f"{given}")
    words = f"{path}: the file states {stated} A per pixel, but --pixel-size {given} is taken"
    assert (words in capsys.readouterr().err) is doubted


def test_a_pipe_is_not_waited_for(
    folder: Path, out: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("pipe.mrc", "pipe.safetensors"):
        os.mkfifo(tmp_path / name)
    listing = tmp_path / "list.star"
    listing.write_text(
        "data_micrographs\nloop_\n_rlnMicrographName #1\n_rlnOpticsGroup #2\n"
        f"{tmp_path / 'pipe.mrc'} 1\n{folder / 'a.mrc'} 1\n"
    )
    (folder / "link.mrc").symlink_to(tmp_path / "pipe.mrc")
    assert pick(out, weights, listing, folder) == 2
    assert [row["micrograph"] for row in summary(out) if not row["error"]] == ["a", "b"]
    assert "pipe.mrc: a pipe or device" in " ".join(capsys.readouterr().err.split())
    assert pick(tmp_path / "other", tmp_path / "pipe.safetensors", folder) == 2
    assert "not a regular file" in capsys.readouterr().err
    (out / "picking.jsonl").unlink()
    os.mkfifo(out / "picking.jsonl")
    assert pick(out, weights, folder, "--resume") == 2
    assert "not a regular file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "out_lines", "err_words"),
    [("--quiet", 0, []), ("--verbose", 1, ["a: ", "b: ", "network at work"])],
)
def test_how_much_is_said(
    option: str,
    out_lines: int,
    err_words: list[str],
    folder: Path,
    out: Path,
    weights: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert pick(out, weights, folder, option) == 0
    told = capsys.readouterr()
    assert bool(told.out) is bool(out_lines)
    assert [
        line.startswith(f"hydrapicker: {word}")
        for line, word in zip(told.err.splitlines(), err_words, strict=True)
    ] == [True] * len(err_words)
    (folder / "text.mrc").write_text("text")
    assert pick(out, weights, folder, option, "--resume") == 2
    assert "warning: not picked: " in capsys.readouterr().err


def start(out: Path, weights: Path, *arguments: str | Path) -> subprocess.Popen[str]:
    options = ["--out", out, "--weights", weights, "--device", "cpu", "--diameter", 84]
    command = [sys.executable, "-m", "napari_hydrapicker", "pick", *map(str, [*options, *arguments])]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    # Where the tests themselves run in the background Ctrl-C is ignored, and so it would be there.
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("resume", [True, False])
def test_runs_at_once_lose_nothing(resume: bool, tmp_path: Path, out: Path, weights: Path) -> None:
    paths = [write_micrograph(tmp_path / "in" / f"m{i}.mrc", i) for i in range(9)]
    every = ["--format", "star,box,cbox,topaz,csv", *(["--resume"] if resume else [])]
    runs = [start(out, weights, *paths[i::3], *every) for i in range(3)]
    assert [(run.communicate()[1], run.returncode) for run in runs] == [("", 0)] * 3
    names = {f"m{i}" for i in range(9)}
    assert [row["micrograph"] for row in summary(out)] == sorted(names)
    for table in ("picks.csv", "picks.txt"):
        assert formats.read(out / table).keys() == names
    assert len(list(out.glob("*_autopick.star"))) == 9


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_keeps_what_is_done(number: int, tmp_path: Path, out: Path, weights: Path) -> None:
    paths = [write_micrograph(tmp_path / "in" / f"m{i:02d}.mrc", i) for i in range(40)]
    run = start(out, weights, *paths, "--format", "csv")
    deadline = time.monotonic() + 120
    manifest = out / "picking.jsonl"
    while not (manifest.exists() and '"result"' in manifest.read_text()) and time.monotonic() < deadline:
        time.sleep(0.01)
    run.send_signal(number)
    told = run.communicate()[1]
    assert run.returncode == 128 + number
    how = "interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}"
    done = len(summary(out))
    assert 0 < done < 40
    assert f"hydrapicker: warning: {how}: {done_of(done, 40)}; the same command with" in told
    assert formats.read(out / "picks.csv").keys() == {row["micrograph"] for row in summary(out)}


@pytest.mark.filterwarnings("always:.* is less than 12 pixels across")
def test_nanometres_are_suspected(
    folder: Path, out: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pick(out, weights, folder / "a.mrc", "--diameter", "23") == 0
    told = capsys.readouterr().err
    assert "a.mrc: a particle of 23 A is less than 12 pixels across" in told
    assert told.count("warning") == 1


def test_a_link_that_leads_nowhere_is_named(
    folder: Path, out: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "lost.mrc").symlink_to(folder / "moved.mrc")
    assert pick(out, weights, folder) == 2
    assert f"it is a link to {folder / 'moved.mrc'}" in capsys.readouterr().err
    assert (out / "a_autopick.star").exists()


def test_a_head_of_a_library_in_another_place(
    folder: Path, out: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_head(HeadLibrary(tmp_path / "group"), "shy", weights, 84)
    assert pick(out, weights, folder, "--head", "shy") == 2
    assert "no head called 'shy'" in capsys.readouterr().err
    assert pick(out, weights, folder, "--head", "shy", "--library", tmp_path / "group") == 0
    assert [row["picks"] for row in summary(out)] == ["0", "0"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--diameter", "-3"], "--diameter"),
        (["--pixel-size", "0"], "--pixel-size"),
        (["--threshold", "1.5"], "--threshold"),
        (["--border", "-1"], "--border"),
        (["--format", "star,doc"], "--format"),
        (["--format", ","], "--format"),
        (["--device", "abacus"], "abacus"),
        (["--head", "theirs"], "theirs"),
        (["--tile", "100"], "multiple of 16"),
        (["--weights", "nowhere.safetensors"], "nowhere.safetensors"),
    ],
)
def test_nonsense_is_refused_before_any_work(
    arguments: list[str],
    said: str,
    folder: Path,
    out: Path,
    weights: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert pick(out, weights, folder, *arguments) == 2
    assert said in capsys.readouterr().err
    assert not out.exists()


def test_an_unreadable_out_folder(
    folder: Path, tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert pick(tmp_path / "file" / "out", weights, folder) == 2
    assert "cannot be made" in capsys.readouterr().err
