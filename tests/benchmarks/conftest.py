"""Tiny sets, and a picker in a process of its own that knows the truth and notes what it is asked."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.contenders import Contender
from benchmarks.sets import DataSet, read_sets
from napari_hydrapicker.cli.simulate import write_mrc
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.picks import Picks

PICKER = """
import json, sys
from pathlib import Path
from benchmarks.serving import serve

def answer(job):
    path = Path(job["micrographs"][0][0])
    name = path.parents[1].name
    with open(job["notes"], "a") as file:
        file.write(name + "\\n")
    if name == job.get("dies_on"):
        sys.exit(3)
    print("a library's chatter")
    known = json.loads(Path(job["truth"]).read_text())
    right = {key: {"yx": yx, "score": [0.9] * len(yx)} for key, yx in known[name].items()}
    wrong = {key: {"yx": [[1, 1]] * 3, "score": [0.9] * 3} for key in right}
    return {"variants": {"wrong": wrong, "right": right}, "seconds": {"wrong": 2.0, "right": 4.0}}

serve(answer)
"""


def write_set(root: Path, name: str, yx: list[list[float]], **about: float) -> DataSet:
    """A set of one micrograph of 60 x 90 pixels of 2 A, whose particles of 20 A are at `yx`."""
    folder = root / name
    image = np.random.default_rng(len(name)).normal(size=(60, 90)).astype(np.float32)
    (folder / "truth").mkdir(parents=True)
    write_mrc(folder / "micrographs" / f"{name}.mrc", image, 2.0)
    if yx:
        formats.write({name: Picks(np.array(yx, float))}, folder / "truth", "star", overwrite=True)
    made = DataSet(folder, 20.0, **about)  # type: ignore[arg-type]
    made.save()
    return made


@pytest.fixture
def groups(tmp_path: Path) -> dict[str, list[DataSet]]:
    """Two sets that are pooled, and one where there is nothing."""
    write_set(tmp_path / "sets", "molecules-one", [[20, 30], [40, 70]])
    write_set(tmp_path / "sets", "molecules-two", [[30, 20], [35, 50], [15, 75]])
    write_set(tmp_path / "sets", "noise", [])
    found: dict[str, list[DataSet]] = {}
    for one in read_sets(tmp_path / "sets"):
        found.setdefault(one.group, []).append(one)
    return found


@pytest.fixture
def asked(tmp_path: Path) -> Callable[[], list[str]]:
    """The sets that the picker was asked for since the last call."""
    notes = tmp_path / "notes"
    read = 0

    def since() -> list[str]:
        nonlocal read
        lines = notes.read_text().splitlines() if notes.exists() else []
        new, read = lines[read:], len(lines)
        return new

    return since


@pytest.fixture
def picker(tmp_path: Path, groups: dict[str, list[DataSet]]) -> Callable[..., Contender]:
    """Make a contender that picks what is true, and three false ones besides in another variant."""
    script = tmp_path / "picker.py"
    script.write_text(PICKER)
    root = Path(__file__).parents[2]
    command = [
        sys.executable,
        "-c",
        f"import sys; sys.path.insert(0, {str(root)!r}); exec(open({str(script)!r}).read())",
    ]
    truth = {
        one.name: {
            m.name: (one.truth()[m.name].yx.tolist() if one.truth() else []) for m in one.micrographs()
        }
        for sets in groups.values()
        for one in sets
    }
    (tmp_path / "truth.json").write_text(json.dumps(truth))

    def make(name: str = "peer", version: str = "1", **job: str) -> Contender:
        asks = {"notes": str(tmp_path / "notes"), "truth": str(tmp_path / "truth.json"), **job}
        return Contender(name, name.title(), version, {"version": version}, command, asks)

    return make
