"""Picks of RELION, cryoSPARC and crYOLO: imported, corrected, trained on and exported, each row compared.

    python benchmarks/round_trip.py [--micrographs FOLDER --picks FOLDER --diameter ANGSTROM] [--steps 4]

Files as each program writes them are made from the same positions: RELION's AutoPick job, cryoSPARC's .cs
with the numbers that it puts before names, crYOLO's .cbox. Each is imported into a project of its own as the
window does it; on every micrograph a pick is added, one is moved and one deleted, and two micrographs are
completed. A head is trained on that for a few steps, and all is exported for RELION, cryoSPARC, crYOLO and
EMAN, read by a reader that knows nothing of this package, and compared. Micrographs are simulated unless a
folder is given.

The script ends with exit code 1 if a row differs, after saying which.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_hydrapicker.cli.simulate import write_mrc
from napari_hydrapicker.io.coordinates.folder import read_matched
from napari_hydrapicker.io.find import find_micrographs
from napari_hydrapicker.io.micrograph import open_micrograph, open_micrographs
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.project.export import ExportItem, plan, run
from napari_hydrapicker.project.importing import import_in_parts, plan_import
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.records import MicrographRecord, Status
from napari_hydrapicker.project.session import Session
from napari_hydrapicker.project.training_set import corrected_micrographs
from napari_hydrapicker.simulation.sample import simulate

Rows = NDArray[np.float64]  # (N, 2): row and column
Truth = dict[str, Picks]
_MOVE = np.array([3.25, -5.5])
_SHAPE = (448, 640)
_ANGSTROM = 180.0
# Of coordinates, pixels: cryoSPARC has them as fractions in single precision; .box has whole numbers.
_READ_PX, _BOX_PX = 1e-3, 1.0


def simulated(folder: Path, n: int) -> Truth:
    """Write micrographs that are wider than high; returns the positions on them."""
    truth = {}
    for i in range(n):
        made = simulate(shape=_SHAPE, pixel_size_angstrom=5.0, density=0.4, seed=i + 1)
        name = f"FoilHole_{i + 1}_Data_{11 * i}"
        write_mrc(folder / f"{name}.mrc", made.image, made.pixel_size_angstrom)
        scores = np.linspace(0.95, 0.35, len(made.picks)).astype(np.float32)
        truth[name] = Picks(made.picks.yx, scores)
    return truth


def write_relion(truth: Truth, records: dict[str, MicrographRecord], folder: Path, box: int) -> Path:
    """Write what an AutoPick job leaves in a RELION project; returns the file that the user chooses."""
    job = folder / "AutoPick" / "job007"
    (job / "Micrographs").mkdir(parents=True)
    lines = ["", "# version 50001", "", "data_coordinate_files", "", "loop_", "_rlnMicrographName #1 "]
    lines += ["_rlnMicrographCoordinates #2 "]
    for name, picks in truth.items():
        own = job / "Micrographs" / f"{name}_autopick.star"
        table = [
            "",
            "# version 50001",
            "",
            "data_",
            "",
            "loop_",
            "_rlnCoordinateX #1 ",
            "_rlnCoordinateY #2 ",
        ]
        table += ["_rlnClassNumber #3 ", "_rlnAnglePsi #4 ", "_rlnAutopickFigureOfMerit #5 "]
        for (y, x), score in zip(picks.yx, picks.score, strict=True):
            table.append(f"{x:12.6f} {y:12.6f} {0:12d} {0:12.6f} {score:12.6f} ")
        own.write_text("\n".join(table) + "\n \n")
        lines.append(f"{records[name].path.parent.name}/{name}.mrc {own.relative_to(folder)} ")
    (job / "autopick.star").write_text("\n".join(lines) + "\n \n")
    return job / "autopick.star"


def write_cryosparc(truth: Truth, records: dict[str, MicrographRecord], folder: Path, box: int) -> Path:
    """Write the particles of a job: paths begin with a number of their import."""
    columns = [
        ("uid", "<u8"), ("location/micrograph_uid", "<u8"), ("location/exp_group_id", "<u4"),
        ("location/micrograph_path", "S120"), ("location/micrograph_shape", "<u4", (2,)),
        ("location/center_x_frac", "<f4"), ("location/center_y_frac", "<f4"),
        ("pick_stats/ncc_score", "<f4"), ("pick_stats/power", "<f4"),
    ]  # fmt: skip
    rows = []
    for i, (name, picks) in enumerate(truth.items()):
        shape, number = records[name].shape, 14_283_795_662_013_481_000 + 977 * i
        path = f"J12/imported/{number:021d}_{name}.mrc".encode()
        for (y, x), score in zip(picks.yx, picks.score, strict=True):
            rows.append(
                (len(rows) + 1, number, 0, path, shape, x / shape[1], y / shape[0], score, 100 * score)
            )
    folder.mkdir()
    with (folder / "picked_particles.cs").open("wb") as file:
        np.save(file, np.array(rows, columns))
    return folder / "picked_particles.cs"


def write_cryolo(truth: Truth, records: dict[str, MicrographRecord], folder: Path, box: int) -> Path:
    """Write a file for each micrograph, boxes by their lower corner."""
    folder.mkdir()
    for name, picks in truth.items():
        lines = ["", "data_global", "", "_cbox_format_version 1.0", "", "data_cryolo", "", "loop_"]
        columns = ["CoordinateX", "CoordinateY", "CoordinateZ", "Width", "Height", "Depth"]
        columns += ["EstWidth", "EstHeight", "Confidence", "NumBoxes", "Angle"]
        lines += [f"_{column} #{i}" for i, column in enumerate(columns, 1)]
        for (y, x), score in zip(picks.yx, picks.score, strict=True):
            corner = f"{x - box / 2:.6f} {y - box / 2:.6f} <NA> {box} {box} <NA>"
            lines.append(f"{corner} {box}.0 {box}.0 {score:.6f} <NA> <NA>")
        lines += ["", "data_cryolo_include", "", "loop_", "_slice_index #1", "<NA>"]
        (folder / f"{name}.cbox").write_text("\n".join(lines) + "\n")
    return folder


PROGRAMS: dict[str, Callable[[Truth, dict[str, MicrographRecord], Path, int], Path]] = {
    "RELION": write_relion, "cryoSPARC": write_cryosparc, "crYOLO": write_cryolo,
}  # fmt: skip


def star_rows(path: Path, block: str) -> list[dict[str, str]]:
    """Read the loop of a STAR file's block."""
    rows: list[dict[str, str]] = []
    columns: list[str] = []
    here = False
    for line in path.read_text().splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0].startswith("data_"):
            here = words[0] == f"data_{block}"
        elif here and words[0].startswith("_"):
            columns.append(words[0][1:])
        elif here and words[0] != "loop_":
            rows.append(dict(zip(columns, words, strict=True)))
    return rows


def _centres(rows: list[dict[str, str]], x: str, y: str, shift: float = 0.0) -> Rows:
    return np.array([(float(row[y]) + shift, float(row[x]) + shift) for row in rows]).reshape(-1, 2)


def read_relion_job(folder: Path, box: float) -> dict[str, Rows]:
    """Read an AutoPick job: a table for each micrograph that is listed."""
    listed = star_rows(folder / "autopick.star", "coordinate_files")
    # A folder that is no RELION project has the files relative to itself.
    return {
        Path(row["rlnMicrographName"]).stem: _centres(
            star_rows(folder / row["rlnMicrographCoordinates"], ""), "rlnCoordinateX", "rlnCoordinateY"
        )
        for row in listed
    }


def read_particles(folder: Path, box: float) -> dict[str, Rows]:
    """Read one table of all particles."""
    (path,) = folder.glob("*.star")
    found = defaultdict(list)
    for row in star_rows(path, "particles") or star_rows(path, ""):
        found[Path(row["rlnMicrographName"]).stem].append(row)
    return {name: _centres(rows, "rlnCoordinateX", "rlnCoordinateY") for name, rows in found.items()}


def read_cbox(folder: Path, box: float) -> dict[str, Rows]:
    """Read crYOLO's files; the box is what they say."""
    found = {}
    for path in folder.glob("*.cbox"):
        rows = star_rows(path, "cryolo")
        half = float(rows[0]["Width"]) / 2 if rows else 0.0
        found[path.stem] = _centres(rows, "CoordinateX", "CoordinateY", half)
    return found


def read_box(folder: Path, box: float) -> dict[str, Rows]:
    """Read EMAN's files: lower corner, width and height, whole numbers."""
    found = {}
    for path in folder.glob("*.box"):
        rows = np.loadtxt(path, ndmin=2)
        found[path.stem] = rows[:, 1::-1] + rows[:, 3:1:-1] / 2
    return found


EXPORTS: dict[str, tuple[Callable[[Path, float], dict[str, Rows]], float]] = {
    "relion-job": (read_relion_job, _READ_PX), "cryosparc": (read_particles, _READ_PX),
    "relion-particles": (read_particles, _READ_PX), "cryolo": (read_cbox, _READ_PX),
    "eman": (read_box, _BOX_PX),
}  # fmt: skip


def differences(what: str, found: dict[str, Rows], expected: dict[str, Rows], within: float) -> list[str]:
    """Say which rows are not those expected, in any order."""
    said = [f"{what}: {name} is missing" for name in expected.keys() - found.keys()]
    said += [f"{what}: {name} is not expected" for name in found.keys() - expected.keys()]
    for name in sorted(expected.keys() & found.keys()):
        rest = found[name].copy()
        for row in expected[name]:
            gap = np.abs(rest - row).max(axis=1) if len(rest) else np.array([np.inf])
            if gap.min() > within:
                said.append(f"{what}: {name} lacks {row.round(3)}")
            else:
                rest = np.delete(rest, gap.argmin(), axis=0)
        said += [f"{what}: {name} has {row.round(3)} too many" for row in rest]
    return said


def imported(path: Path, session: Session) -> list[str]:
    """Import as the window does: read, hold against the images, take in bit by bit."""
    planned = plan_import(path, session.records)
    parts = import_in_parts(planned, session)
    while not parts.work(0.0):
        pass
    asked = [f"{path.name}: the right positions are doubted: {planned.question}"] if planned.question else []
    return asked + [
        f"{path.name}: {problem}" for problem in planned.problems if "without what" not in problem
    ]


def correct(session: Session, spot: Rows) -> dict[str, tuple[Rows, Rows]]:
    """Add, move and delete on every micrograph; complete two. Returns the particles and what is none."""
    expected = {}
    for i, record in enumerate(session.records):
        labels = session.labels(record.id)
        rows = {int(number): yx for number, yx in zip(labels.id, labels.yx, strict=True)}
        moved, gone = (int(number) for number in labels.id[[0, -1]])
        session.move(record.id, [moved], [rows[moved] + _MOVE])
        session.delete(record.id, [gone])
        (added,) = session.add(record.id, [free_spot(labels.yx, record.shape, spot)])
        rows[moved] = rows[moved] + _MOVE
        negative = np.array([rows.pop(gone)])
        rows[int(added)] = free_spot(labels.yx, record.shape, spot)
        complete = i < 2
        if complete:
            session.set_status(record.id, Status.COMPLETE)
        expected[record.name] = np.array(list(rows.values())), negative
    return expected


def free_spot(yx: Rows, shape: tuple[int, int], spot: Rows) -> Rows:
    """Return the place of a coarse grid that is farthest from all picks."""
    grid = np.stack(np.meshgrid(*(np.linspace(0.1, 0.9, 33) * side for side in shape), indexing="ij"), -1)
    places = grid.reshape(-1, 2) + spot
    gaps = np.linalg.norm(places[:, None] - yx[None], axis=-1).min(axis=1)
    return np.asarray(places[gaps.argmax()])


def trained(session: Session, expected: dict[str, tuple[Rows, Rows]], steps: int) -> list[str]:
    """Compare what is handed to a training with what was clicked, and train for some steps."""
    corrected = corrected_micrographs(session)
    complete = {one.micrograph.name for one in corrected if one.complete}
    said = []
    for one in corrected:
        name = one.micrograph.name
        rows, negative = expected[name]
        found = np.array(one.yx).reshape(-1, 2)
        if name in complete:
            said += differences("training", {name: found}, {name: rows}, _READ_PX)
        elif len(found) != 2:  # in part: what was added and what was moved
            said.append(f"training: {name} has {len(found)} particles, not the 2 that were clicked")
        said += differences(
            "training, deleted", {name: np.array(one.negative_yx)}, {name: negative}, _READ_PX
        )
    if len(corrected) != len(session.records):
        said.append(f"training: {len(corrected)} of {len(session.records)} micrographs are corrected")
    if steps:
        said += _train(session, steps)
    return said


def _train(session: Session, steps: int) -> list[str]:
    from napari_hydrapicker.hydra import weights
    from napari_hydrapicker.picking.library import bundled_path
    from napari_hydrapicker.training.few_shot import FewShotParameters
    from napari_hydrapicker.training.finetune import finetune

    model, metadata = weights.load(bundled_path(), [])
    examples = corrected_micrographs(session)
    parameters = FewShotParameters(steps=steps, validate_every=steps, warmup_steps=1)
    result, record = finetune(
        model, metadata, examples, session.settings.diameter_angstrom, "round-trip", parameters
    )
    used = {use.name for use in record.micrographs}
    print(f"    trained {result.steps} steps on {len(used)} micrographs: AP {result.before.ap:.3f} before, "
          f"{result.after.ap:.3f} after")  # fmt: skip
    missing = {one.micrograph.name for one in examples} - used
    return [f"the head's record lacks {name}" for name in missing]


def exported(session: Session, expected: dict[str, Rows], out: Path) -> list[str]:
    """Export for every program, and compare what a foreign reader finds."""
    said = []
    diameter = session.settings.diameter_angstrom
    items = [
        ExportItem(r.micrograph(), session.picks(r.id), r.status is Status.COMPLETE, diameter)
        for r in session.records
    ]
    for preset, (read, within) in EXPORTS.items():
        folder = out / preset
        planned = plan(items, preset, folder)
        run(planned)
        said += differences(preset, read(folder, diameter), expected, within)
    return said


def round_trip(
    work: Path, program: str, micrographs: Path, truth: Truth, diameter: float, steps: int
) -> list[str]:
    """Take one program's picks through all of it; returns what differs."""
    work.mkdir()
    session = Session()
    session.use(Project.create(work / "p.hydrapicker"))
    try:
        session.add_micrographs(
            [one for p in find_micrographs([str(micrographs)]) for one in open_micrographs(p)]
        )
        session.update(diameter_angstrom=diameter)
        records = {record.name: record for record in session.records}
        pixel = min(record.pixel_size_angstrom or 1.0 for record in session.records)
        path = PROGRAMS[program](truth, records, work / "theirs", 2 * round(diameter / pixel / 2))
        said = imported(path, session)
        found = {record.name: session.picks(record.id).yx for record in session.records}
        said += differences("imported", found, {name: picks.yx for name, picks in truth.items()}, _READ_PX)
        if said:
            return said  # what comes after would but repeat it
        expected = correct(session, np.array([0.37, 0.81]))
        said += trained(session, expected, steps)
        rows = {name: particles for name, (particles, _) in expected.items()}
        return said + exported(session, rows, work / "ours")
    finally:
        session.close()


def main() -> None:
    """Make the micrographs, then go through the programs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--micrographs", type=Path, help="a folder, which is copied; simulated without")
    parser.add_argument("--picks", type=Path, help="the right positions on them")
    parser.add_argument("--diameter", type=float, default=_ANGSTROM, help="of the particle, Angstrom")
    parser.add_argument("--steps", type=int, default=4, help="of the training; 0: none")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "Micrographs"
        if arguments.micrographs is None:
            folder.mkdir()
            truth = simulated(folder, 3)
        else:
            shutil.copytree(arguments.micrographs, folder)
            opened = [open_micrograph(path) for path in sorted(folder.iterdir())]
            found, _ = read_matched(arguments.picks, opened)
            truth = {one.name: own for one, own in zip(opened, found, strict=True) if own is not None}
        n = sum(map(len, truth.values()))
        failed = False
        for program in PROGRAMS:
            print(f"{program}: {n} picks on {len(truth)} micrographs", flush=True)
            said = round_trip(
                Path(scratch) / program, program, folder, truth, arguments.diameter, arguments.steps
            )
            print("\n".join(f"    {line}" for line in said) or "    every row is as it should be", flush=True)
            failed = failed or bool(said)
    sys.exit(int(failed))


if __name__ == "__main__":
    main()
