"""How good generic heads are on micrographs that no training saw: one table for any number of networks.

    python benchmarks/generic.py make SETS --structures FOLDER [--real
    NAME:MICROGRAPHS:COORDINATES:DIAMETER:ONLY,...] python benchmarks/generic.py table SETS --network
    NAME=FILE ... [--quality best] [--picks NAME=FOLDER ...]

`make` writes data sets, each a folder with `micrographs/`, `truth/` and `diameter.txt`: eight held-out
molecules under the usual and under wide conditions, pure noise, and the named micrographs of labelled sets
(as links). `table` picks them (`--picks`: takes picks made before, FOLDER/SET) and prints a row for each
network and set: AP, AROC and best F1 (box IoU 0.6), calibration error, picks over 0.5 a micrograph, seconds a
micrograph.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import mrcfile
import numpy as np
import torch

from napari_hydrapicker.evaluation.matching import Criterion
from napari_hydrapicker.evaluation.report import Sample, evaluate_sets
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.io.micrograph import Micrograph, open_micrograph
from napari_hydrapicker.picking.hydra import HydraNetPicker
from napari_hydrapicker.picking.parameters import HydraSpec, PickParameters
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.simulation.conditions import draw_conditions, draw_wide_conditions
from napari_hydrapicker.simulation.micrograph import simulate
from napari_hydrapicker.simulation.projection import make_species
from napari_hydrapicker.simulation.structures import load_structure

HELD_OUT = ("1oel", "1aon", "2cg9", "4v6x", "4v7r", "3sn6", "6utj", "1wcm")
SHAPE = (800, 960)  # pixels of a simulated micrograph, two of which are a working pixel
PIXELS_PER_DIAMETER = 42
SEED = 4242
EACH = 2  # micrographs of a molecule
NOISE_DIAMETER = 150.0


def write_micrograph(folder: Path, name: str, image: np.ndarray, pixel: float, yx: np.ndarray) -> None:
    """Write an MRC file and its truth as a STAR file."""
    (folder / "micrographs").mkdir(parents=True, exist_ok=True)
    with mrcfile.new(folder / "micrographs" / f"{name}.mrc", overwrite=True) as file:
        file.set_data(image.astype(np.float32))
        file.voxel_size = pixel
    formats.write({name: Picks(yx)}, folder / "truth", "star", overwrite=True)


def make_molecules(out: Path, structures: list[Path]) -> None:
    """Simulate the held-out molecules, a data set each, under the usual and under wide conditions."""
    paths = {path.stem: path for folder in structures for path in sorted(folder.glob("*.npz"))}
    for kind, draw in (("molecules", draw_conditions), ("wide", draw_wide_conditions)):
        for i, name in enumerate(HELD_OUT):
            species = make_species(load_structure(paths[name]), 150, SEED + i)
            pixel = species.diameter_angstrom / PIXELS_PER_DIAMETER
            rng = np.random.default_rng((SEED, i))
            for j in range(EACH):
                made = simulate(species, SHAPE, pixel, draw(rng), int(rng.integers(2**31)))
                write_micrograph(out / f"{kind}-{name}", f"{name}_{j}", made.image.numpy(), pixel, made.yx)
            (out / f"{kind}-{name}" / "diameter.txt").write_text(f"{species.diameter_angstrom}\n")


def make_noise(out: Path) -> None:
    """Write images in which nothing is: white and coloured noise."""
    rng = np.random.default_rng(SEED)
    radius = np.hypot(np.fft.fftfreq(SHAPE[0])[:, None], np.fft.rfftfreq(SHAPE[1])[None])
    for i, exponent in enumerate((0.0, 0.0, 0.5, 1.0)):
        spectrum = np.fft.rfft2(rng.normal(size=SHAPE)) / np.maximum(radius, 1 / max(SHAPE)) ** exponent
        write_micrograph(out / "noise", f"noise_{i}", np.fft.irfft2(spectrum, s=SHAPE), 3.6, np.empty((0, 2)))
    (out / "noise" / "diameter.txt").write_text(f"{NOISE_DIAMETER}\n")


def link_real(out: Path, text: str) -> None:
    """Make a data set of some micrographs of a labelled set."""
    name, micrographs, coordinates, diameter, only = text.split(":")
    for kind in ("micrographs", "truth"):
        (out / name / kind).mkdir(parents=True, exist_ok=True)
    for key in only.split(","):
        for folder, kind in ((micrographs, "micrographs"), (coordinates, "truth")):
            (found,) = (path for path in Path(folder).iterdir() if path.stem.startswith(key))
            link = out / name / kind / found.name
            link.unlink(missing_ok=True)
            link.symlink_to(found.resolve())
    (out / name / "diameter.txt").write_text(f"{diameter}\n")


def samples(folder: Path, picks: dict[str, Picks]) -> list[Sample]:
    """Pair the picks of a data set with its truth."""
    truth = {n: p for path in sorted((folder / "truth").iterdir()) for n, p in formats.read(path).items()}
    diameter = float((folder / "diameter.txt").read_text())
    found = []
    for micrograph in micrographs_of(folder):
        size = micrograph.pixel_size_angstrom
        assert size is not None
        known = truth.get(micrograph.name, Picks(np.empty((0, 2))))
        own = picks.get(micrograph.name, Picks(np.empty((0, 2))))
        found.append(
            Sample(micrograph.name, folder.name, own, known, micrograph.shape, size, diameter, diameter / 2)
        )
    return found


def micrographs_of(folder: Path) -> list[Micrograph]:
    """Micrographs of a data set."""
    return [open_micrograph(path) for path in sorted((folder / "micrographs").iterdir())]


def pick(picker: HydraNetPicker, folder: Path) -> tuple[dict[str, Picks], float]:
    """Pick a data set; returns the picks by micrograph, and seconds of processor time for one."""
    diameter = float((folder / "diameter.txt").read_text())
    made, spent = {}, []
    for micrograph in micrographs_of(folder):
        begun = time.process_time()
        made[micrograph.name] = picker.pick_micrograph(micrograph, PickParameters(diameter_angstrom=diameter))
        spent.append(time.process_time() - begun)
    return made, float(np.mean(spent))


def read_picks(root: Path, folder: Path) -> dict[str, Picks]:
    """Picks of a data set made before, in `root`/SET."""
    files = sorted((root / folder.name).glob("*_autopick.star"))
    return {name: one for path in files for name, one in formats.read(path).items()}


def row(name: str, data_set: str, found: list[Sample], seconds: float) -> str:
    """A line of the table."""
    confident = np.mean([(np.asarray(one.picks.score) > 0.5).sum() for one in found])
    if not any(len(one.truth) for one in found):
        return f"| {name} | {data_set} | | | | | {confident:.1f} | {seconds:.2f} |"
    scores = evaluate_sets(found).pooled.by[Criterion.IOU]
    return (
        f"| {name} | {data_set} | {scores.ap:.3f} | {scores.aroc:.3f} | {scores.best.f1:.3f} | "
        f"{scores.calibration_error:.3f} | {confident:.1f} | {seconds:.2f} |"
    )


def table(arguments: argparse.Namespace) -> None:
    """Pick and print."""
    folders = sorted(path for path in arguments.sets.iterdir() if path.is_dir())
    kinds = dict.fromkeys(folder.name.split("-")[0] for folder in folders)
    print(
        "| network | set | AP | AROC | best F1 | ECE | picks over 0.5 | CPU s |\n| --- " + "| --- " * 7 + "|"
    )
    pickers = [(text.split("=", 1), True) for text in arguments.network or []]
    pickers += [(text.split("=", 1), False) for text in arguments.picks or []]
    for (name, source), is_network in pickers:
        picker = None
        if is_network:
            spec = HydraSpec(weights=Path(source), quality=arguments.quality)
            picker = HydraNetPicker.load(spec, "cpu")
        for kind in kinds:
            found, seconds, aps = [], [], []
            for folder in (one for one in folders if one.name.split("-")[0] == kind):
                made, spent = (
                    pick(picker, folder) if picker else (read_picks(Path(source), folder), float("nan"))
                )
                part = samples(folder, made)
                found += part
                seconds.append(spent)
                if any(len(one.truth) for one in part):
                    aps.append(evaluate_sets(part).pooled.by[Criterion.IOU].ap)
            print(row(name, kind, found, float(np.mean(seconds))), flush=True)
            if len(aps) > 1:
                print(f"|  | mean AP of the {len(aps)} sets | {np.mean(aps):.3f} | | | | | |", flush=True)


def main() -> None:
    """Make the data sets, or the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("make")
    make.add_argument("sets", type=Path)
    make.add_argument("--structures", type=Path, action="append", required=True)
    make.add_argument("--real", action="append", default=[])
    shown = commands.add_parser("table")
    shown.add_argument("sets", type=Path)
    shown.add_argument("--network", action="append")
    shown.add_argument("--picks", action="append")
    shown.add_argument("--quality", choices=("fast", "best"), default="fast")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.command == "table":
        table(arguments)
        return
    make_molecules(arguments.sets, arguments.structures)
    make_noise(arguments.sets)
    for text in arguments.real:
        link_real(arguments.sets, text)


if __name__ == "__main__":
    main()
