"""Mean offset of true picks from the particles' exact centres, on simulated non-square micrographs.

Run as ``python benchmarks/offset.py [--count 12] [--shape 3000x4200] [--weights FILE]``; every micrograph
shows another procedural complex. The micrographs go through files, like a user's: written as MRC, opened,
rescaled, picked. With the default sizes neither side is a multiple of the network's 16 working pixels, so
rows and columns are scaled and padded differently: half a pixel lost shows up as an offset. A few hundred
true picks are needed to tell a tenth of a working pixel from chance; the standard errors say so.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_hydrapicker.cli.simulate import write_mrc
from napari_hydrapicker.evaluation.matching import Criterion, match
from napari_hydrapicker.imaging.rescale import working_shape
from napari_hydrapicker.io.micrograph import open_micrograph
from napari_hydrapicker.picking.hydra import HydraNetPicker
from napari_hydrapicker.picking.parameters import HydraSpec, PickParameters
from napari_hydrapicker.simulation.conditions import Conditions
from napari_hydrapicker.simulation.micrograph import simulate
from napari_hydrapicker.simulation.procedural import procedural_complex
from napari_hydrapicker.simulation.projection import make_species


def offsets_wpx(
    picker: HydraNetPicker,
    shape: tuple[int, int],
    diameter_angstrom: float,
    pixel_size_angstrom: float,
    seed: int,
    folder: Path,
) -> tuple[NDArray[np.float64], int, int]:
    """Simulate a micrograph and pick it.

    Returns
    -------
    offsets : ndarray, shape (T, 2)
        (row, column) of true picks minus their particles' centres of mass, working pixels.
    n_picks, n_particles : int
        Picks above the network's threshold, and particles a pick was asked for.
    """
    species = make_species(procedural_complex(seed, diameter_angstrom), 100, seed)
    conditions = Conditions(density=0.15, dose_per_square_angstrom=30)
    made = simulate(species, shape, pixel_size_angstrom, conditions, seed)
    path = folder / f"{species.name}.mrc"
    write_mrc(path, made.image.numpy(), pixel_size_angstrom)
    picks = picker.pick_micrograph(
        open_micrograph(path), PickParameters(diameter_angstrom=species.diameter_angstrom, use_mask=False)
    )
    picks = picks.above(picker.threshold)
    diameter_px = species.diameter_angstrom / pixel_size_angstrom
    matched = match(picks.yx, picks.score, made.yx, diameter_px, Criterion.IOU)
    difference = picks.yx[matched.is_true] - made.yx[matched.truth_index[matched.is_true]]
    scale = np.array(working_shape(shape, pixel_size_angstrom, species.diameter_angstrom)) / shape
    whole = (made.yx >= diameter_px / 2) & (made.yx <= np.array(shape) - 1 - diameter_px / 2)
    return difference * scale, len(picks), int(whole.all(axis=1).sum())


def main() -> None:
    """Print the mean offset with its standard error and the scatter for each micrograph and for all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=12, help="number of micrographs")
    parser.add_argument("--shape", default="3000x4200", help="rows and columns, pixels")
    parser.add_argument("--diameter", type=float, default=200.0, help="of the particles, Angstrom")
    parser.add_argument("--pixel-size", type=float, default=1.5, help="Angstrom")
    parser.add_argument("--seed", type=int, default=1, help="of the first complex")
    parser.add_argument("--weights", type=Path, help="network; by default the bundled one")
    arguments = parser.parse_args()
    rows, cols = map(int, arguments.shape.split("x"))
    picker = HydraNetPicker.load(HydraSpec(weights=arguments.weights))
    everything = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(arguments.seed, arguments.seed + arguments.count):
            offsets, n_picks, n_particles = offsets_wpx(
                picker, (rows, cols), arguments.diameter, arguments.pixel_size, seed, Path(folder)
            )
            print(f"procedural-{seed}: {len(offsets)} true of {n_picks} picks, {n_particles} whole particles")
            report(offsets)
            everything.append(offsets)
    print("all")
    report(np.concatenate(everything))


def report(offsets: NDArray[np.float64]) -> None:
    """Print what offsets, shape (T, 2), amount to on each axis."""
    if len(offsets) < 2:
        print("  too few true picks for a mean")
        return
    error = offsets.std(axis=0, ddof=1) / len(offsets) ** 0.5
    for axis, name in enumerate(("rows", "columns")):
        mean, scatter = offsets[:, axis].mean(), offsets[:, axis].std()
        print(f"  {name}: mean {mean:+.3f} ± {error[axis]:.3f} wpx, scatter {scatter:.2f} wpx")


if __name__ == "__main__":
    main()
