"""Whether a project loses work when the process that writes it is killed (SIGKILL) at a random moment.

Run as ``python benchmarks/kill_test.py [--kills N] [--seed N]``. A process adds, moves, deletes and takes
back picks, one edit after the other, and says so after each that has been committed; it is killed, and
the project is looked at by SQLite's own check and compared with what was said. One project goes through
all kills, so that it is reopened after each. Exits with 1 if an edit is lost or the file is not whole.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_hydrapicker.errors import HydraPickerError
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.project import edits as corrections
from napari_hydrapicker.project.edits import Edit, EditKind
from napari_hydrapicker.project.labels import Labels
from napari_hydrapicker.project.project import Project

_LONGEST_SECONDS = 0.4  # from the first edit to the kill
_START_SECONDS = 60.0
_LINGER_SECONDS = 0.01
_PICKS = 20_000  # to begin with: each commit then writes 150 pages
_UNDONE_AT_MOST = 50  # edits back in which one is looked for that was undone or redone at last
Said = dict[str, object]


@dataclass
class Tally:
    """What the kills have shown."""

    kills: int = 0
    acknowledged: int = 0
    unsaid: int = 0  # committed, but killed before it could be said
    failures: int = 0


def edit_for_ever(path: Path, seed: int) -> None:
    """Edit the first micrograph's picks until killed; one line of JSON after each commit."""
    project, rng = Project.open(path), random.Random(seed)
    number = project.micrographs()[0].id
    edits = len(project.edits(number))
    _linger(project)
    while True:
        edits += _edit_once(project, number, rng)
        said = {"edits": edits, "labels": _digest(project.labels(number))}
        print(json.dumps(said), flush=True)


def _linger(project: Project) -> None:
    """Let pages reach the disk before their COMMIT, and wait there: most kills then fall in between.

    Without this they hardly ever do, and a project without any journal would pass.
    """
    db = project._db
    db.execute("PRAGMA cache_size = 1")
    db.set_trace_callback(lambda statement: time.sleep(_LINGER_SECONDS if statement == "COMMIT" else 0))


def _edit_once(project: Project, number: int, rng: random.Random) -> int:
    """Change the picks in one way or another; returns how many edits this adds to the log."""
    labels = project.labels(number)
    choice = rng.choice(("add", "add", "move", "delete", "undo", "redo")) if len(labels) > 3 else "add"
    one = labels.rows(labels.id[rng.randrange(len(labels))]) if len(labels) else labels
    place = [[rng.uniform(0, 299), rng.uniform(0, 469)]]
    if choice == "add":
        project.commit(corrections.added(number, project.new_ids(1), place))
    elif choice == "move":
        project.commit(corrections.moved(number, one, place))
    elif choice == "delete":
        project.commit(corrections.deleted(number, one))
    elif choice == "undo":
        project.undo(number)
    else:
        project.redo(number)
    return int(choice in ("add", "move", "delete"))


def _digest(labels: Labels) -> str:
    return hashlib.sha256(labels.to_bytes()).hexdigest()


def _fill(project: Project) -> None:
    """Give a project a micrograph with many picks."""
    project.add_micrographs([Micrograph(project.path.with_name("m1.mrc"), (300, 470), 1.5)])
    number = project.micrographs()[0].id
    yx = np.random.default_rng(0).uniform(0, (299, 469), (_PICKS, 2))
    edit = corrections.added(number, project.new_ids(_PICKS), yx)
    project.commit(Edit(number, EditKind.PICK, edit.before, edit.after))


def kill_once(path: Path, seed: int, tally: Tally) -> str | None:
    """Start an editing process, kill it, look at the project; returns what is wrong, or None."""
    command = [sys.executable, __file__, "--edit", str(path), "--seed", str(seed)]
    acknowledgements = path.with_suffix(".said")
    # Into a file: a full pipe would hold the process up, and it would be killed waiting, not writing.
    with acknowledgements.open("wb") as out, subprocess.Popen(command, stdout=out) as process:
        _wait_for_work(process, acknowledgements)
        time.sleep(random.Random(seed).uniform(0, _LONGEST_SECONDS))
        stopped_itself = process.poll() is not None
        process.kill()
    lines = acknowledgements.read_bytes().splitlines(keepends=True)
    said = [json.loads(line) for line in lines if line.endswith(b"\n")]
    tally.kills += 1
    tally.acknowledged += len(said)
    if stopped_itself or not said:
        return "the editing process stopped by itself: its error is above"
    return _integrity(path) or _difference(path, said[-1], tally)


def _wait_for_work(process: subprocess.Popen[bytes], acknowledgements: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and not acknowledgements.stat().st_size and time.monotonic() < deadline:
        time.sleep(0.001)


def _integrity(path: Path) -> str | None:
    """What SQLite's own check of the file, with its log, finds."""
    try:
        with closing(sqlite3.connect(path)) as db:
            (state,) = db.execute("PRAGMA integrity_check").fetchone()
    except sqlite3.Error as error:
        return f"the file cannot be checked ({error})"
    return None if state == "ok" else f"integrity_check: {state}"


def _difference(path: Path, last: Said, tally: Tally) -> str | None:
    """How the project differs from what was said last, give or take one edit that could not be said."""
    try:
        with closing(Project.open(path)) as project:
            if project.read_only:
                return "the dead process still holds the lock"
            number = project.micrographs()[0].id
            edits, labels = project.edits(number), project.labels(number)
    except HydraPickerError as error:
        return str(error)
    more = len(edits) - int(str(last["edits"]))
    if _digest(labels) == last["labels"] and more == 0:
        return None
    tally.unsaid += 1
    # One commit can lie between the last word and the kill: an edit, or an edit undone or redone.
    latest = edits[-1:] if more == 1 else [edit for edit in edits if edit.kind.undoable][-_UNDONE_AT_MOST:]
    back = [way for edit in latest for way in (edit, edit.inverse())]
    if more in (0, 1) and any(_digest(way.apply(labels)) == last["labels"] for way in back):
        return None
    return f"the {len(labels)} picks on disk are not those said to be safe, nor one edit on from them"


def main() -> None:
    """Kill as often as asked and print what was lost."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--edit", type=Path, help=argparse.SUPPRESS)  # the process to be killed
    arguments = parser.parse_args()
    if arguments.edit is not None:
        edit_for_ever(arguments.edit, arguments.seed)
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kill.hydrapicker"
        with closing(Project.create(path)) as project:
            _fill(project)
        for seed in np.random.SeedSequence(arguments.seed).generate_state(arguments.kills).tolist():
            problem = kill_once(path, seed, tally)
            if problem is not None:
                tally.failures += 1
                print(f"kill {tally.kills}: {problem}", file=sys.stderr)
    print(
        f"{tally.kills} kills, {tally.acknowledged} acknowledged edits, {tally.unsaid} committed but not yet "
        f"said, {tally.failures} failures"
    )
    sys.exit(1 if tally.failures or not tally.acknowledged else 0)


if __name__ == "__main__":
    main()
