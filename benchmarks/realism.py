"""What each part of the simulator's realism is worth on real micrographs: equal short trainings.

Run as ``python benchmarks/realism.py --structures FOLDER --real NAME:MICROGRAPHS:COORDINATES:DIAMETER``,
both repeatable. In every variant but the first one part is left out or changed.
Every variant starts from the same weights and sees as many crops, drawn with the same seeds, of the same
molecules; none sees a real micrograph. The table gives the AP (box IoU > 0.6) on each real data set. The
trainings are far shorter than the bundled network's: compare rows with one another only.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from napari_hydrapicker import formats
from napari_hydrapicker.evaluation.curves import average_precision
from napari_hydrapicker.evaluation.matching import Criterion, match
from napari_hydrapicker.hydra.metadata import Metadata
from napari_hydrapicker.hydra.model import HydraPicker
from napari_hydrapicker.micrograph import open_micrograph
from napari_hydrapicker.micrograph_files import find_micrographs
from napari_hydrapicker.picking.hydra import HydraNetPicker
from napari_hydrapicker.simulation.conditions import Conditions, draw_conditions
from napari_hydrapicker.simulation.projection import Species, make_species
from napari_hydrapicker.training.data_sets import load_clouds
from napari_hydrapicker.training.single_head import Progress, SingleHeadParameters, train_single_head
from napari_hydrapicker.training.sources import WHITEN_STRENGTH, SimulatedSource

Draw = Callable[[np.random.Generator], Conditions]


@dataclasses.dataclass(frozen=True)
class Variant:
    """A way to simulate: what is changed of the conditions drawn, the whitening, the scales."""

    name: str
    change: dict[str, float] = dataclasses.field(default_factory=dict)
    whiten: float = WHITEN_STRENGTH
    scales: tuple[float, float] = (0.75, 1.35)

    def conditions(self, rng: np.random.Generator) -> Conditions:
        """Draw as in training, then change what this variant leaves out."""
        return dataclasses.replace(draw_conditions(rng), **self.change)

    def source(self, species: Species) -> SimulatedSource:
        """Return the data set of a molecule."""
        return SimulatedSource(species, self.scales, self.conditions, self.whiten)


VARIANTS = (
    Variant("as trained"),
    Variant("no whitening", whiten=0.0),
    Variant("full whitening", whiten=1.0),
    Variant("no denoised images", {"smoothing_wpx": 0.0, "grey_levels": 0.0}),
    Variant("white noise only", {"structural_noise": 0.0, "drift_noise": 0.0, "thickness_gradient": 0.0}),
    Variant("no contamination", {"blobs": 0.0, "crystals": 0.0, "fragments": 0.0, "carbon": 0.0}),
    Variant("no crowding", {"spacing": 1.05, "clustering": 0.0}),
    Variant("one defocus", {"defocus_um": 1.8, "astigmatism_um": 0.0, "phase_shift": 0.0}),
    Variant("one scale", scales=(0.99, 1.01)),
)


def train(variant: Variant, species: list[Species], steps: int, crop: int, seed: int) -> HydraNetPicker:
    """Train a network anew on simulated crops of a variant."""
    torch.manual_seed(seed)
    sources = [variant.source(one) for one in species]
    parameters = SingleHeadParameters(steps=steps, crop_wpx=crop, validate_every=steps, seed=seed)

    def report(progress: Progress) -> None:
        if progress.step % 100 == 0:
            print(f"  {progress.step}: loss {progress.loss:.2f}, {progress.seconds:.0f} s", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        model = train_single_head(
            HydraPicker(), sources, [1.0] * len(sources), {}, Path(folder), parameters, report
        )
    return HydraNetPicker(model.eval(), Metadata(preprocessing={"whiten": variant.whiten}))


def real_ap(picker: HydraNetPicker, micrographs: str, coordinates: Path, diameter_angstrom: float) -> float:
    """AP over all micrographs of a set, candidates of each within half a diameter of the edge left out."""
    labels = {
        name: picks for file in sorted(coordinates.iterdir()) for name, picks in formats.read(file).items()
    }
    scores, truths, total = [], [], 0
    for path in find_micrographs([micrographs]):
        micrograph = open_micrograph(path)
        picks = picker.pick_micrograph(micrograph, diameter_angstrom)
        size = picks.diameter_px
        assert size is not None
        truth = labels[micrograph.name].yx
        inside = ((truth >= size / 2) & (truth <= np.array(micrograph.shape) - 1 - size / 2)).all(axis=1)
        matched = match(picks.yx, picks.score, truth[inside], size, Criterion.IOU)
        scores.append(picks.score)
        truths.append(matched.is_true)
        total += int(inside.sum())
    return average_precision(np.concatenate(scores), np.concatenate(truths), total)


def main() -> None:
    """Train and evaluate every variant, and print a row for each as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--structures", type=Path, action="append", required=True)
    parser.add_argument("--real", action="append", required=True)
    parser.add_argument("--leave-out", default="", help="structures not to train on, comma separated")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--crop", type=int, default=128, help="side of a crop, working pixels")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="variants, comma separated")
    arguments = parser.parse_args()
    out = arguments.leave_out.split(",")
    clouds = [c for c in load_clouds(arguments.structures, 20) if c.name not in out]
    species = [make_species(cloud, 100, i) for i, cloud in enumerate(clouds)]
    for variant in VARIANTS:
        if arguments.only and variant.name not in arguments.only.split(","):
            continue
        started = time.monotonic()
        picker = train(variant, species, arguments.steps, arguments.crop, arguments.seed)
        aps = []
        for text in arguments.real:
            name, micrographs, coordinates, diameter = text.split(":")
            aps.append(f"{name} AP {real_ap(picker, micrographs, Path(coordinates), float(diameter)):.3f}")
        print(f"{variant.name}: {', '.join(aps)} ({time.monotonic() - started:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
