"""How `hydrapicker pick` does on many micrographs: speed, memory, kills, a dask cluster and shards.

Run as ``python benchmarks/batch.py [PART ...] [--number N] [--side PX]``; the parts are the functions of
`PARTS`, all by default. Micrographs are links to six
simulated ones, so that what is measured is the picking, not the disk. Each line that is printed is a result;
exits with 1 if files differ from those of one run that nobody interrupted.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import mrcfile
import numpy as np

from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picking.manifest import Manifest
from napari_hydrapicker.picking.parameters import NetworkFile, RunConfig
from napari_hydrapicker.picking.results import MicrographResult
from napari_hydrapicker.picks import Picks

_FILES = 6
_PIXEL_SIZE = 4.0
_DIAMETER_PX = 42  # twice the working scale: a link of 256 x 384 pixels is 128 x 192 to the network
_NOT_RESULTS = re.compile(r"\.lock.*|picking.*\.jsonl|log")
_SIGNALS = (signal.SIGKILL, signal.SIGTERM)
_WAIT_SECONDS = 600
_TURNS = 2


class Setting:
    """A folder of micrographs, and the commands that pick it."""

    def __init__(self, folder: Path, number: int, side: int) -> None:
        self.folder, self.number, self.side = folder, number, side
        self.failures = 0

    def micrographs(self, number: int) -> Path:
        """Return a folder of so many links to a few micrographs of disks in noise."""
        links = self.folder / f"links{number}"
        if links.exists():
            return links
        links.mkdir()
        originals = [self.folder / f"original{one}.mrc" for one in range(_FILES)]
        for one, path in enumerate(originals):
            if not path.exists():
                with mrcfile.new(path) as file:
                    file.set_data(_image(one, (self.side, self.side * 3 // 2)))
                    file.voxel_size = _PIXEL_SIZE
        for one in range(number):
            (links / f"m{one:05d}.mrc").symlink_to(originals[one % _FILES])
        return links

    def command(self, out: Path, *options: str, number: int | None = None) -> list[str]:
        """Return a command that picks into a folder."""
        return [
            sys.executable, "-m", "napari_hydrapicker", "pick", str(self.micrographs(number or self.number)),
            "--diameter", str(_DIAMETER_PX * _PIXEL_SIZE), "--contrast", "dark", "--device", "cpu",
            "--format", "star,csv", "--out", str(out), "--verbose", *options,
        ]  # fmt: skip

    def compare(self, what: str, out: Path, expected: dict[str, str]) -> None:
        """Say whether a folder has the files that it should have."""
        found = contents(out)
        differing = sorted(name for name in {**found, **expected} if found.get(name) != expected.get(name))
        self.failures += bool(differing)
        print(f"{what}: {len(expected)} files, {len(differing)} differ {' '.join(differing[:5])}", flush=True)


def _image(seed: int, shape: tuple[int, int]) -> np.ndarray:
    rng = np.random.default_rng(seed)
    image = rng.normal(0, 3, shape)
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    for y, x in rng.uniform(_DIAMETER_PX, np.array(shape) - _DIAMETER_PX, (shape[0] // 40, 2)):
        image -= 3.0 * (np.hypot(rows - y, cols - x) < _DIAMETER_PX / 2)
    return image.astype(np.float32)


def contents(folder: Path) -> dict[str, str]:
    """Return the files of a folder of results, by a checksum; not the manifest, which has times."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if not _NOT_RESULTS.fullmatch(path.name)
    }


def run(command: Sequence[str]) -> tuple[float, float, str]:
    """Run a command; return seconds, the most memory that it had (MB), and what it said."""
    seconds, _, megabytes, said = measured(command)
    return seconds, megabytes, said


def measured(command: Sequence[str]) -> tuple[float, float, float, str]:
    """Run a command; return seconds, CPU seconds of it and its processes, memory (MB), and what it said."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {process.returncode}\n{said[-2000:]}")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, said


def n_done(out: Path) -> int:
    """Return how many results the manifests of a folder hold."""
    return sum(path.read_bytes().count(b'{"result"') for path in out.glob("picking*.jsonl"))


def wait_for(out: Path, number: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until so many micrographs are done, or the run is over."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while n_done(out) < number and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)


def speed(setting: Setting) -> None:
    """Micrographs a minute and CPU seconds with one and two processes in turn, and where the time goes."""
    walls: dict[int, list[float]] = {1: [], 2: []}
    for turn in range(_TURNS):
        for workers in walls:
            out = setting.folder / f"speed{workers}-{turn}"
            seconds, cpu, _, said = measured(setting.command(out, "--workers", str(workers)))
            found = re.search(r"network at work.* of ([\d.]+) s.*", said)
            assert found is not None
            wall = float(found[1])
            walls[workers].append(wall)
            rate = 60 * setting.number / wall
            print(f"speed: {workers} processes: {rate:.0f} micrographs a minute; {found[0]}; ", end="")
            print(f"{seconds - wall:.1f} s before the first and after the last; {cpu:.1f} CPU s", flush=True)
    print(f"speed: 2 processes are {min(walls[1]) / min(walls[2]):.2f} times as fast as 1", flush=True)


def memory(setting: Setting) -> None:
    """The most memory of few and of many micrographs."""
    for number in (100, setting.number):
        _, megabytes, _ = run(setting.command(setting.folder / f"memory{number}", number=number))
        print(f"memory: {number} micrographs: at most {megabytes:.0f} MB", flush=True)


def _whole(setting: Setting) -> dict[str, str]:
    out = setting.folder / "whole"
    if not out.exists():
        run(setting.command(out))
    return contents(out)


def kills(setting: Setting) -> None:
    """A run that is killed at random moments, ten times at most, and resumed each time."""
    expected = _whole(setting)
    rng, out, times = random.Random(0), setting.folder / "killed", 0
    for _ in range(10):
        with (setting.folder / "log").open("wb") as log:
            process = subprocess.Popen(setting.command(out, "--resume"), stdout=log, stderr=log)
            wait_for(out, n_done(out) + rng.randrange(1, max(2, setting.number // 8)), process)
            time.sleep(rng.uniform(0, 0.1))
            times += process.poll() is None
            process.send_signal(rng.choice(_SIGNALS))
            process.wait()
    run(setting.command(out, "--resume"))
    setting.compare(f"kills: {times} at work, kill -9 or TERM, then resumed", out, expected)


def dask(setting: Setting) -> None:
    """Two workers of a cluster on loopback: undisturbed, one of them killed, the scheduler killed."""
    expected = _whole(setting)
    for what in ("nobody", "worker", "scheduler"):
        out, file = setting.folder / f"dask-{what}", setting.folder / f"scheduler-{what}.json"
        log = (setting.folder / "log").open("wb")

        def start(module: str, *options: str, log=log, file=file) -> subprocess.Popen[bytes]:  # type: ignore[no-untyped-def]
            return subprocess.Popen(
                [sys.executable, "-m", module, "--scheduler-file", str(file), *options],
                stdout=log,
                stderr=log,
            )

        scheduler = start("distributed.cli.dask_scheduler", "--port", "0", "--no-dashboard")
        options = ("--nthreads", "2", "--no-nanny", "--no-dashboard")
        workers = [start("distributed.cli.dask_worker", *options) for _ in range(2)]
        while not file.exists():
            time.sleep(0.1)
        process = subprocess.Popen(
            setting.command(out, "--scheduler", str(file)), stdout=log, stderr=subprocess.PIPE
        )
        wait_for(out, setting.number // 3, process)
        begun = time.monotonic()
        if what != "nobody":
            (workers[0] if what == "worker" else scheduler).kill()
        _, said = process.communicate()
        last = said.decode().splitlines()[-1]
        print(
            f"dask, {what} killed: exit code {process.returncode} {time.monotonic() - begun:.0f} s later",
            end="",
        )
        print(f", {last!r}" if process.returncode else "", flush=True)
        for one in (*workers, scheduler):
            one.kill()
            one.wait()
        log.close()
        if what == "scheduler":
            run(setting.command(out, "--resume"))
        setting.compare(f"dask, {what} killed", out, expected)


def shards(setting: Setting) -> None:
    """Eight processes with a part each, one of them killed and resumed, then a merge."""
    expected, out = _whole(setting), setting.folder / "shards"
    running = [
        subprocess.Popen(
            setting.command(out, "--shard", f"{one}/8"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for one in range(1, 9)
    ]
    wait_for(out, setting.number // 4, running[2])
    running[2].kill()
    for one in running:
        one.wait()
    merge = [sys.executable, "-m", "napari_hydrapicker", "merge", str(out)]
    first = subprocess.run(merge, check=False, capture_output=True, text=True)
    print(f"shards: merged with one of them killed: exit code {first.returncode}, {first.stderr.strip()!r}")
    run(setting.command(out, "--shard", "3/8", "--resume"))
    run(merge)
    setting.compare("shards: eight at once, one killed and resumed, merged", out, expected)


def manifest(setting: Setting) -> None:
    """What it takes to note one more micrograph among many."""
    config = RunConfig(
        picker="hydra", weights=NetworkFile(name="n"), head=None, diameter_angstrom=100, border_angstrom=None,
        threshold=0.5, no_mask=False, no_split=False, overlay=False, format=("star",),
    )  # fmt: skip
    out = setting.folder / "manifest"
    out.mkdir()
    rng = np.random.default_rng(0)
    picks = Picks(rng.uniform(0, 4000, (300, 2)), rng.uniform(0, 1, 300).astype(np.float32), diameter_px=100)
    made, begun = Manifest(out), 0
    with made.locked():
        key = made.begin(config)
    for number in (1, 1000, 10000, 30000):
        for one in range(begun, number):
            micrograph = Micrograph(Path(f"/data/m{one}.mrc"), (4096, 4096), 1.0)
            result = MicrographResult(micrograph.name, str(micrograph.path), n_picks=300, run=key)
            start = time.perf_counter()
            with made.locked():
                made.add(result, picks)
            last = time.perf_counter() - start
        begun = number
        print(f"manifest: {1000 * last:.2f} ms to note the {number}th of 300 picks", flush=True)
    start = time.perf_counter()
    again = Manifest(out)
    again.refresh()
    seconds, megabytes = time.perf_counter() - start, again.path.stat().st_size / 1e6
    print(f"manifest: {seconds:.1f} s to read {number} of them ({megabytes:.0f} MB) at a start")


_PHASES = """
import json, sys, time
clock, laps = time.process_time, {}
began = clock()
def lap(name):
    global began
    laps[name], began = clock() - began, clock()
import napari_hydrapicker.cli.main, napari_hydrapicker.cli.pick
lap("what --help needs")
import torch
lap("torch")
import scipy.fft, scipy.ndimage, scipy.special, scipy.spatial
lap("scipy")
import napari_hydrapicker.picking.hydra, napari_hydrapicker.picking.outputs, napari_hydrapicker.cli.inputs
import napari_hydrapicker.picking.batch, napari_hydrapicker.picking.survey
lap("our other modules")
from napari_hydrapicker.picking.base import load_picker
from napari_hydrapicker.picking.parameters import HydraSpec
load_picker(HydraSpec(contrast="dark"), "cpu")
lap("network")
print(json.dumps(laps))
"""


def startup(setting: Setting) -> None:
    """CPU seconds before the first micrograph, by what they go into: the least of five runs."""
    laps: dict[str, float] = {}
    for _ in range(5):
        said = subprocess.run([sys.executable, "-c", _PHASES], check=True, capture_output=True).stdout
        for name, seconds in json.loads(said).items():
            laps[name] = min(seconds, laps.get(name, seconds))
    each = ", ".join(f"{name} {seconds:.2f}" for name, seconds in laps.items())
    print(f"startup: {sum(laps.values()):.2f} CPU s: {each}", flush=True)


PARTS: dict[str, Callable[[Setting], None]] = {
    one.__name__: one for one in (startup, manifest, speed, memory, kills, dask, shards)
}


def main() -> None:
    """Measure what is asked for, all by default."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--number", type=int, default=200, help="micrographs")
    parser.add_argument(
        "--side", type=int, default=256, help="rows of a micrograph; it is half as wide again"
    )
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        setting = Setting(folder, arguments.number, arguments.side)
        for name in arguments.parts or PARTS:
            PARTS[name](setting)
        sys.exit(1 if setting.failures else 0)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
