"""Whether runs of `hydrapicker pick` that share a folder, and are killed, lose or double a micrograph.

Run as ``python benchmarks/kill_picking.py [--rounds N] [--seed N] [--network FILE]``. In each round four
runs pick into one folder at once, in all formats, with lists that overlap or not, with --resume or without;
each is ended by SIGTERM, SIGHUP, SIGINT or SIGKILL at a random moment, or not at all, and started again with
--resume until all is done. Then all files must be those of one run that nobody interrupted. The picker is a
stand-in that needs no network, unless one is given. Exits with 1 if anything differs.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np

from napari_hydrapicker.cli.main import run
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picking import base, model_files, prepared_run
from napari_hydrapicker.picking.manifest import Manifest
from napari_hydrapicker.picking.parameters import NetworkFile
from napari_hydrapicker.picks import Picks

_RUNS, _MICROGRAPHS = 4, 24
_ATTEMPTS = 3  # each of them may be killed; the last is not
_SIGNALS = (signal.SIGTERM, signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL, None)
_A_RESULT = 200  # bytes of a line, at least
_LONGEST_SECONDS = 0.3  # from one kill to the next
_LINGER_SECONDS = 0.02
_OWN = (".lock", "picking.jsonl")  # neither is told by the other runs' files


class StandIn:
    """Picks by a micrograph's name alone, in a twentieth of a second."""

    threshold = 0.5
    device = "cpu"

    def pick_micrograph(self, micrograph: Micrograph, *arguments: Any) -> Picks:
        """Return some picks, the same each time."""
        time.sleep(0.05)
        rng = np.random.default_rng(list(hashlib.sha256(micrograph.name.encode()).digest()))
        n = int(rng.integers(0, 40))
        return Picks(rng.uniform(0, 59, (n, 2)), rng.uniform(0, 1, n), diameter_px=20.0)


def _make(folder: Path) -> list[Path]:
    """Write micrographs, one of which is damaged."""
    folder.mkdir()
    paths = [folder / f"m{number:02d}.mrc" for number in range(_MICROGRAPHS)]
    for number, path in enumerate(paths):
        with mrcfile.new(path) as file:
            file.set_data(np.random.default_rng(number).normal(size=(60, 100)).astype(np.float32))
            file.voxel_size = 2.0
    paths[7].write_bytes(paths[7].read_bytes()[:-1000])
    return paths


def _command(out: Path, paths: list[Path], network: Path | None, resume: bool) -> list[str]:
    options = ["--out", str(out), "--diameter", "40", "--format", "star,box,cbox,topaz,csv", "--overlay"]
    options += ["--resume"] * resume + (["--weights", str(network), "--device", "cpu"] if network else [])
    own = ["--stand-in"] if network is None else []
    return [sys.executable, __file__, *own, "pick", *options, *map(str, paths)]


@dataclass
class Tally:
    """What the kills have shown."""

    killed: int = 0
    at_work: int = 0  # of these after the first result of the four, and before the end
    failures: int = 0


def _round(rng: random.Random, out: Path, paths: list[Path], network: Path | None, tally: Tally) -> str:
    """Pick with several runs that are killed; returns what is wrong, or ""."""
    resume, overlapping = rng.random() < 0.5, rng.random() < 0.5
    lists = [paths[number::_RUNS] for number in range(_RUNS)]
    if overlapping and resume:  # without --resume the second is refused, as it should be
        lists = [rng.sample(paths, len(paths) // 2) for _ in range(_RUNS - 1)] + [list(paths)]
    for attempt in range(_ATTEMPTS + 1):
        size = _size(out)
        running = [
            subprocess.Popen(
                _command(out, one, network, resume or attempt > 0),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            for one in lists
        ]
        if attempt < _ATTEMPTS:
            while _size(out) < size + _A_RESULT and any(one.poll() is None for one in running):
                time.sleep(0.005)
            for process in running:
                time.sleep(rng.uniform(0, _LONGEST_SECONDS))
                _kill(process, rng.choice(_SIGNALS), tally)
        told = [process.communicate()[1] for process in running]
        codes = {process.returncode for process in running}
        allowed = {0, 2} if attempt == _ATTEMPTS else {0, 2}.union(*map(_ended_by, _SIGNALS))
        if codes - allowed:
            return f"exit codes {codes}: {told}"
    return ""


def _size(out: Path) -> int:
    path = out / "picking.jsonl"
    return path.stat().st_size if path.exists() else 0


def _kill(process: subprocess.Popen[str], number: signal.Signals | None, tally: Tally) -> None:
    if number is None:
        return
    tally.killed += 1
    tally.at_work += process.poll() is None
    process.send_signal(number)


def _ended_by(number: signal.Signals | None) -> set[int]:
    """Exit codes of a run that a signal ended: by its own doing, or before it could be told."""
    return {0} if number is None else {128 + number, -number}


def _contents(folder: Path) -> dict[str, str]:
    """The files of a folder, by their contents."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.name not in _OWN
    }


def _linger() -> None:
    """Wait between a micrograph's files and its line in the manifest: most kills then fall in between.

    Without this they hardly ever do, and neither do two runs' lines meet: a folder without a lock would pass.
    """
    append = Manifest._append

    def slow(self: Manifest, lines: Any) -> None:
        time.sleep(_LINGER_SECONDS)
        append(self, lines)

    Manifest._append = slow  # type: ignore[method-assign]


def _run_stand_in(arguments: list[str]) -> int:
    _linger()
    own = NetworkFile(name="stand-in")
    # No network is needed, and so no torch, which takes longer to load than all this to pick.
    base.load_picker = lambda *_: StandIn()  # type: ignore[assignment]
    model_files.identified = lambda _: (own, own)  # type: ignore[assignment]
    prepared_run.looked_at = lambda picker, spec, *_: (picker, spec, ())  # type: ignore[assignment]
    return run(arguments)


def main() -> None:
    """Kill in as many rounds as asked and print what was lost."""
    if len(sys.argv) > 1 and sys.argv[1] == "--stand-in":
        sys.exit(_run_stand_in(sys.argv[2:]))
    if len(sys.argv) > 1 and sys.argv[1] == "pick":
        sys.exit(run(sys.argv[1:]))
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--network", type=Path, help="pick with this network, in place of a stand-in")
    arguments = parser.parse_args()
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        paths = _make(Path(folder) / "in")
        whole = Path(folder) / "whole"
        subprocess.run(_command(whole, paths, arguments.network, False), check=False, capture_output=True)
        expected = _contents(whole)
        for number in range(arguments.rounds):
            out = Path(folder) / f"round{number}"
            rng = random.Random(f"{arguments.seed} {number}")
            problem = _round(rng, out, paths, arguments.network, tally)
            if not problem and (found := _contents(out)) != expected:
                names = sorted(
                    name for name in {**found, **expected} if found.get(name) != expected.get(name)
                )
                problem = f"{len(names)} files differ: {', '.join(names[:8])}"
            if problem:
                tally.failures += 1
                print(f"round {number}: {problem}", file=sys.stderr)
    print(
        f"{arguments.rounds} rounds of {_RUNS} runs, {tally.killed} kills, {tally.at_work} of them at work; "
        f"{len(expected)} files each, {tally.failures} failures"
    )
    sys.exit(1 if tally.failures or not tally.at_work else 0)


if __name__ == "__main__":
    main()
