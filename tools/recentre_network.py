"""Take the mean offset out of a network's picks: the last step after a training.

    python tools/recentre_network.py NETWORK OUT --structures FOLDER [--leave-out NAME,...] [--count 24]

Whole non-square micrographs of two kinds, procedural complexes and the structures given, are simulated,
written as files and brought to the working scale as a user's are. The generic head's output bias is then
changed so that the larger of the two kinds' mean offsets is least; nothing else in the file changes. Report
offsets on other complexes (`benchmarks/offset.py`).
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from napari_hydrapicker.hydra.parts import head_prefix

from napari_hydrapicker.cli.simulate import write_mrc
from napari_hydrapicker.hydra import container
from napari_hydrapicker.hydra.metadata import FORMAT
from napari_hydrapicker.hydra.model import GENERIC
from napari_hydrapicker.hydra.weights import load, stored
from napari_hydrapicker.imaging.network_input import network_input
from napari_hydrapicker.imaging.padding import pad_with_noise
from napari_hydrapicker.imaging.prepare import prepare
from napari_hydrapicker.micrograph import open_micrograph
from napari_hydrapicker.simulation.cloud import PointCloud
from napari_hydrapicker.simulation.conditions import Conditions
from napari_hydrapicker.simulation.micrograph import simulate
from napari_hydrapicker.simulation.procedural import procedural_complex
from napari_hydrapicker.simulation.projection import make_species
from napari_hydrapicker.training.data_sets import load_clouds
from napari_hydrapicker.training.recentre import recentre
from napari_hydrapicker.training.sources import Crop

FIRST_COMPLEX = 5000  # procedural ones of training and benchmarks have other numbers
DIAMETER_PX = 133
OUTPUT_BIAS = head_prefix(GENERIC) + "output.bias"


def whole_micrograph(
    cloud: PointCloud, seed: int, shape: tuple[int, int], whiten: float, folder: Path
) -> Crop:
    """Simulate a micrograph of a molecule and read it as the picker would."""
    rng = np.random.default_rng(seed)
    species = make_species(cloud, 60, seed)
    pixel = species.diameter_angstrom / DIAMETER_PX * float(rng.uniform(0.9, 1.1))
    defocus = float(rng.uniform(1.2, 2.6))
    taken = Conditions(density=0.15, dose_per_square_angstrom=30, defocus_um=defocus)
    made = simulate(species, shape, pixel, taken, seed)
    path = folder / "simulated.mrc"
    write_mrc(path, made.image.numpy(), pixel)
    prepared = prepare(open_micrograph(path), species.diameter_angstrom, use_mask=False)
    image, _ = pad_with_noise(network_input(prepared.image, prepared.mask, whiten))
    return Crop(image, prepared.to_wpx(made.yx), np.empty((0, 2)))


def main() -> None:
    """Read the arguments, measure, change, save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--structures", type=Path, action="append", required=True)
    parser.add_argument("--leave-out", default="", help="structures not to use, comma separated")
    parser.add_argument("--count", type=int, default=24, help="micrographs of each kind")
    arguments = parser.parse_args()
    model, metadata = load(arguments.network)
    whiten = metadata.preprocessing.get("whiten", 0.0)
    assert isinstance(whiten, int | float)
    left_out = arguments.leave_out.split(",")
    clouds = [c for c in load_clouds(arguments.structures, 0) if c.name not in left_out]
    count, every = arguments.count, max(1, len(clouds) // arguments.count)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        procedural = [
            whole_micrograph(procedural_complex(number, 200.0), number, (3000, 4200), whiten, folder)
            for number in range(FIRST_COMPLEX, FIRST_COMPLEX + count)
        ]
        molecules = [
            whole_micrograph(cloud, 2 * FIRST_COMPLEX + i, (4100, 3100), whiten, folder)
            for i, cloud in enumerate(clouds[::every][:count])
        ]
    before, after = recentre(model, [procedural, molecules])
    for kind, old, new in zip(("procedural complexes", "structures"), before, after, strict=True):
        print(f"{kind}: mean offset (rows, columns) {old.round(3)} wpx before, {new.round(3)} after")
    header, tensors = container.read(arguments.network, FORMAT)
    tensors[OUTPUT_BIAS] = stored(model.state_dict()[OUTPUT_BIAS])
    container.write(arguments.out, tensors, header)


if __name__ == "__main__":
    main()
