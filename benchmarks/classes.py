"""What rejecting doubtful 2-D classes does to picks: simulated micrographs with broken particles and dirt.

Run as ``python benchmarks/classes.py STRUCTURE... [--micrographs 6] [--out FOLDER]``. For each molecule it
simulates micrographs with known places, writes their defocus as RELION does, and classifies two lists:

- *planted*: the true places, moved by 0.06 diameters at random, and three false ones for each seven of them,
  half on broken particles and clumps and half on empty ice;
- *picked*: what the bundled network picks from a score of 0.1 on, without its mask.

A pick is right within a quarter of the diameter of a true centre. A line for each list: the share of right
picks before and after the classes that the rule calls doubtful are left out, the share of right picks that is
lost by that, and the same for one who knows the truth and rejects classes that are right by less than half.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_hydrapicker.classes.classify import Classes, classify
from napari_hydrapicker.classes.files import write_classes
from napari_hydrapicker.cli.simulate import write_mrc
from napari_hydrapicker.io.micrograph import Micrograph, open_micrograph
from napari_hydrapicker.picking.base import Picker
from napari_hydrapicker.picking.pick import load_network, pick
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.simulation import micrograph as simulation
from napari_hydrapicker.simulation.conditions import Conditions
from napari_hydrapicker.simulation.projection import make_species
from napari_hydrapicker.simulation.structures import load_structure

SHAPE = (1200, 1500)
DIAMETER_PX = 48
DIRTY = Conditions(
    density=0.25, fragments=0.06, blobs=0.01, crystals=0.005, specks=0.04, beads=0.004, aggregates=0.01
)
CTF_HEADER = """data_optics

loop_
_rlnOpticsGroup
_rlnVoltage
_rlnSphericalAberration
_rlnAmplitudeContrast
1 300 2.7 0.07

data_micrographs

loop_
_rlnMicrographName
_rlnOpticsGroup
_rlnDefocusU
_rlnDefocusV
_rlnDefocusAngle
"""


def simulate(structure: Path, count: int, folder: Path, seed: int) -> tuple[list[Micrograph], list, float]:
    """Write micrographs and their list of defocus; returns them, what is on them, and the diameter."""
    species = make_species(load_structure(structure), 200, seed)
    size = species.diameter_angstrom / DIAMETER_PX
    rng = np.random.default_rng(seed)
    micrographs, truths, rows = [], [], []
    for i in range(count):
        defocus = float(rng.uniform(1.0, 2.5))
        made = simulation.simulate(species, SHAPE, size, replace(DIRTY, defocus_um=defocus), seed + i)
        path = folder / f"{structure.stem}_{i:02d}.mrc"
        write_mrc(path, made.image.numpy(), size)
        rows.append(f"{path.name} 1 {defocus * 1e4:.1f} {defocus * 1e4:.1f} 0")
        micrographs.append(open_micrograph(path))
        truths.append(made)
    (folder / f"{structure.stem}_ctf.star").write_text(CTF_HEADER + "\n".join(rows) + "\n")
    return micrographs, truths, species.diameter_angstrom


def planted(truth: simulation.Simulated, rng: np.random.Generator) -> Picks:
    """True places with errors, and false ones among them."""
    right = truth.yx + rng.normal(0, 0.06 * DIAMETER_PX, truth.yx.shape)
    n = round(len(right) * 3 / 7)
    on_dirt = rng.permutation(truth.ignore_yx)[: n // 2]
    anywhere = rng.uniform((0, 0), SHAPE, (20 * n, 2))
    every = cKDTree(np.concatenate([truth.yx, truth.ignore_yx]))
    empty = anywhere[every.query(anywhere)[0] > 0.8 * DIAMETER_PX][: n - len(on_dirt)]
    yx = np.concatenate([right, on_dirt, empty])
    return Picks(yx[((yx > 0) & (yx < np.array(SHAPE) - 1)).all(axis=1)])


def picked(micrograph: Micrograph, diameter: float, network: Picker) -> Picks:
    """What the bundled network picks if it is asked for much."""
    return pick(micrograph, diameter, network=network, threshold=0.1, use_mask=False, contrast="dark")


def right(picks: Picks, truth: simulation.Simulated) -> NDArray[np.bool_]:
    """Which picks lie on a particle."""
    return np.asarray(cKDTree(truth.yx).query(picks.yx)[0] < DIAMETER_PX / 4)


def line(name: str, found: Classes, truths: dict[str, simulation.Simulated], seconds: float) -> str:
    """What leaving classes out does."""
    good = np.concatenate([right(one.picks, truths[one.micrograph.name]) for one in found.members])
    label = np.concatenate([one.label for one in found.members])
    poor = [one.number for one in found.classes if good[label == one.number].mean() < 0.5]
    cells = [name, str(len(good)), str(len(found.classes)), f"{good.mean():.3f}"]
    for rejected in (found.doubtful, poor):
        kept = ~np.isin(label, rejected)
        lost = 1 - good[kept].sum() / good.sum()
        cells += [str(len(rejected)), f"{good[kept].mean():.3f}", f"{lost:.3f}"]
    return "| " + " | ".join([*cells, f"{seconds:.0f}"]) + " |"


def print_details(found: Classes, truths: dict[str, simulation.Simulated], diameter: float) -> None:
    """A line for each class."""
    good = np.concatenate([right(one.picks, truths[one.micrograph.name]) for one in found.members])
    label = np.concatenate([one.label for one in found.members])
    for one in found.classes:
        share, detail = good[label == one.number].mean(), diameter / one.resolution_angstrom
        print(f"  {one.number} {one.size} right {share:.2f} detail {detail:.1f} {', '.join(one.doubts)}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("structures", type=Path, nargs="+")
    parser.add_argument("--micrographs", type=int, default=6)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--details", action="store_true", help="a line for each class too")
    parser.add_argument("--lists", default="planted,picked")
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.out.mkdir(parents=True, exist_ok=True)
    network = load_network(device="cpu")
    print("| | picks | classes | right | doubtful | right after | lost | poor | right after | lost | CPU s |")
    for structure in given.structures:
        micrographs, truths, diameter = simulate(structure, given.micrographs, given.out, 5)
        by_name = {one.name: truth for one, truth in zip(micrographs, truths, strict=True)}
        rng = np.random.default_rng(0)
        for kind in given.lists.split(","):
            if kind == "planted":
                picks = {name: planted(truth, rng) for name, truth in by_name.items()}
            else:
                picks = {one.name: picked(one, diameter, network) for one in micrographs}
            start = time.process_time()
            found = classify(picks, micrographs, diameter, ctf=given.out / f"{structure.stem}_ctf.star")
            seconds = time.process_time() - start
            name = f"{structure.stem} {kind}"
            print(line(name, found, by_name, seconds), flush=True)
            write_classes(found, given.out / f"{structure.stem}_{kind}", overwrite=True)
            if given.details:
                print_details(found, by_name, diameter)


if __name__ == "__main__":
    main()
