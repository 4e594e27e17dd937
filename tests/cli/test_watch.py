"""`hydrapicker watch`."""

from __future__ import annotations

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

from napari_hydrapicker.cli.main import run


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """A folder of two whole micrographs, not square, and a third that is not."""
    folder = tmp_path / "session"
    folder.mkdir()
    for seed, name in enumerate("abc"):
        with mrcfile.new(folder / f"{name}.mrc") as file:
            file.set_data(np.random.default_rng(seed).normal(0, 9, (150, 240)).astype(np.float32))
            file.voxel_size = 4.0
    os.truncate(folder / "c.mrc", 5000)
    return folder


def arguments(session: Path, out: Path, weights: Path) -> list[str]:
    given = ["watch", session, "--out", out, "--weights", weights, "--diameter", 168, "--device", "cpu"]
    return [str(one) for one in [*given, "--every", 0.1]]


def test_what_never_was_finished_is_named_at_the_end(
    session: Path, tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run([*arguments(session, out, weights), "--stop-after", "0.02"]) == 2
    said = capsys.readouterr()
    assert "on 2 micrographs" in said.out
    assert "not finished: " + str(session / "c.mrc") + ": truncated" in said.err
    assert "1 file was not finished or not picked" in said.err
    written = {path.name for path in out.iterdir()}
    assert {"a_autopick.star", "b_autopick.star", "summary.csv", "live.csv", "live.png"} <= written
    assert "c_autopick.star" not in written


def test_contrast_that_was_found_once_holds_when_it_goes_on(
    session: Path, tmp_path: Path, weights: Path
) -> None:
    out = tmp_path / "out"
    (session / "c.mrc").unlink()
    assert run([*arguments(session, out, weights), "--stop-after", "0.02", "--contrast", "light"]) == 0
    (session / "a.mrc").rename(session / "d.mrc")  # new, and by itself it would be found dark
    assert run([*arguments(session, out, weights), "--stop-after", "0.02"]) == 0
    assert (out / "d_autopick.star").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_ctrl_c_ends_it_in_order(session: Path, tmp_path: Path, weights: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "napari_hydrapicker", *arguments(session, out, weights)]
    listen = partial(signal.signal, signal.SIGINT, signal.default_int_handler)  # a shell's `&` takes it away
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=listen) as process:
        try:
            deadline = time.monotonic() + 120
            while not ((out / "b_autopick.star").exists() or process.poll() is not None):
                assert time.monotonic() < deadline
                time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert "not finished: " in said
    assert "the same command goes on" in said
    assert (out / "summary.csv").exists()
    assert (out / "live.png").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--every", "0"], "--every 0: give a positive number"),
        (["--stop-after", "-1"], "--stop-after -1"),
        (["--format", "nonsense"], "--format nonsense"),
        (["nowhere"], "no such folder, list or pattern: nowhere"),
    ],
    ids=str,
)
def test_mistakes_are_said_at_once(
    session: Path,
    tmp_path: Path,
    weights: Path,
    more: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run([*arguments(session, tmp_path / "out", weights), *more]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
