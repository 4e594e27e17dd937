"""Zero-shot, few-shot and from scratch on simulated targets that no training saw (thesis, Tables B.2, B.3).

Run as ``python benchmarks/few_shot.py STRUCTURE... [--counts 1,3,5] [--scratch-steps 0]``. Every target is
a data set of its own: one molecule under one draw of the conditions, of which only the defocus varies
between micrographs. Five micrographs are for training, others for testing (five, or ``--test``). AP counts
box overlaps above 0.6. What a head gains in AP stands with its standard error, by leaving out one test
micrograph after the other: with five, a gain within a few thousandths is chance. Where a micrograph is held
out, its AP with the generic and the new head stands there too: by that a user is told which to take.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from napari_hydrapicker.evaluation.curves import auroc
from napari_hydrapicker.hydra.head import Head
from napari_hydrapicker.hydra.model import HydraPicker
from napari_hydrapicker.hydra.weights import bundled_path, load
from napari_hydrapicker.imaging.network_input import network_input
from napari_hydrapicker.imaging.normalise import flatten, normalise
from napari_hydrapicker.imaging.rescale import DIAMETER_WPX
from napari_hydrapicker.simulation.conditions import Conditions
from napari_hydrapicker.simulation.micrograph import simulate
from napari_hydrapicker.simulation.projection import make_species
from napari_hydrapicker.simulation.structures import load_structure
from napari_hydrapicker.training.corrections import CorrectedMicrograph, Marks
from napari_hydrapicker.training.feature_windows import Window, windows
from napari_hydrapicker.training.few_shot import FewShotParameters, train_head
from napari_hydrapicker.training.head_validation import HeadScores, score_head
from napari_hydrapicker.training.single_head import SingleHeadParameters, train_single_head
from napari_hydrapicker.training.sources import LabelledMicrograph, RealSource

SHAPE_WPX = (448, 512)
CELL_WPX = 16
TRAINING, TEST = 5, 5


def data_set(structure: Path, seed: int, whiten: float, test: int = TEST) -> list[CorrectedMicrograph]:
    """Simulate the micrographs of a target at the working scale, every particle marked.

    More micrographs for testing do not change the first ones.
    """
    species = make_species(load_structure(structure), 150, seed)
    rng = np.random.default_rng(seed)
    usual = Conditions(
        density=float(rng.uniform(0.1, 0.5)), spacing=0.6, clustering=0.3,
        dose_per_square_angstrom=float(rng.uniform(10, 30)), defocus_um=float(rng.uniform(0.8, 2.0)),
        envelope_angstrom2=float(rng.uniform(100, 600)), structural_noise=float(rng.uniform(0.5, 1.2)),
        signal=float(rng.uniform(0.4, 0.8)), blobs=0.004, crystals=0.004, fragments=0.1,
    )  # fmt: skip
    pixel = species.diameter_angstrom * float(np.exp(rng.uniform(*np.log((0.8, 1.25))))) / DIAMETER_WPX
    made = []
    for i in range(TRAINING + test):
        taken = dataclasses.replace(usual, defocus_um=usual.defocus_um * float(rng.uniform(0.7, 1.4)))
        one = simulate(species, SHAPE_WPX, pixel, taken, 1000 * seed + i)
        image = network_input(normalise(flatten(one.image.numpy())), None, whiten)
        made.append(
            CorrectedMicrograph(f"{species.name}-{i}", image, Marks(one.yx, np.empty((0, 2)), one.ignore_yx))
        )
    return made


def together(scores: Sequence[HeadScores]) -> HeadScores:
    """Scores of several micrographs as of one."""
    return HeadScores(
        np.concatenate([one.logits for one in scores]),
        np.concatenate([one.truth for one in scores]),
        sum(one.particles for one in scores),
    )


def figures(head: Head, test: list[Window]) -> tuple[float, float]:
    """AP and AROC of a head on test windows."""
    scores = score_head(head, test)
    cells = sum(one.shape[0] * one.shape[1] // CELL_WPX**2 for one in test)
    return scores.ap, auroc(scores.logits, scores.truth, scores.particles, cells)


def gain(head: Head, generic: Head, test: list[Window]) -> tuple[float, float]:
    """Difference of two heads' APs, and its standard error (jackknife over the micrographs)."""
    names = list(dict.fromkeys(one.micrograph for one in test))
    parts = [[one for one in test if one.micrograph == name] for name in names]
    new, old = ([score_head(h, part) for part in parts] for h in (head, generic))

    def difference(without: int | None) -> float:
        kept = [i for i in range(len(parts)) if i != without]
        return together([new[i] for i in kept]).ap - together([old[i] for i in kept]).ap

    n = len(parts)
    left = np.array([difference(i) for i in range(n)])
    return difference(None), float(np.sqrt((n - 1) * left.var()))


def from_scratch(
    model: HydraPicker, training: list[CorrectedMicrograph], steps: int, crop_wpx: int
) -> HydraPicker:
    """Train a new network of the same kind on the same micrographs, with equal shares of flips and turns."""
    torch.manual_seed(0)
    labelled = [LabelledMicrograph(m.image, np.ones(m.image.shape, np.bool_), m.marks.yx) for m in training]
    parameters = SingleHeadParameters(steps=steps, crop_wpx=crop_wpx, validate_every=steps)
    with tempfile.TemporaryDirectory() as folder:
        new = HydraPicker(model.architecture)
        return train_single_head(new, [RealSource("target", labelled)], [1.0], [], Path(folder), parameters)


def main() -> None:
    """Print a row for each target and number of training micrographs, and the means."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("structures", type=Path, nargs="+")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--counts", default="1,3,5")
    parser.add_argument("--steps", type=int, default=FewShotParameters.steps)
    parser.add_argument("--rate", type=float, default=FewShotParameters.learning_rate)
    parser.add_argument("--share", type=float, default=FewShotParameters.share)
    parser.add_argument("--lambda-bias", type=float, default=FewShotParameters.lambda_bias)
    parser.add_argument("--scratch-steps", type=int, default=0)
    parser.add_argument("--scratch-crop", type=int, default=192)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--test", type=int, default=TEST, help="micrographs for testing")
    arguments = parser.parse_args()
    model, metadata = load(arguments.weights or bundled_path(), [])
    whiten = metadata.preprocessing.get("whiten", 0.0)
    assert isinstance(whiten, float | int)
    parameters = FewShotParameters(
        steps=arguments.steps, learning_rate=arguments.rate, lambda_bias=arguments.lambda_bias,
        share=arguments.share,
    )  # fmt: skip
    rows: dict[str, list[tuple[float, float]]] = {}

    def say(target: str, how: str, found: tuple[float, float], seconds: float, more: str = "") -> None:
        rows.setdefault(how, []).append(found)
        figures_ = f"AP {found[0]:.3f}  AROC {found[1]:.3f}"
        print(f"{target:12} {how:12} {figures_}  ({seconds:.0f} s){more}", flush=True)

    for i, structure in enumerate(arguments.structures):
        made = data_set(structure, arguments.seed + i, whiten, arguments.test)
        test = [w for one in made[TRAINING:] for w in windows(model, one)]
        say(structure.stem, "zero-shot", figures(model.head(), test), 0)
        for count in map(int, filter(None, arguments.counts.split(","))):
            held = made[count - 1 : count] if count > 1 else []
            begun = time.monotonic()
            result = train_head(model, made[: count - len(held)], held, parameters)
            took = time.monotonic() - begun
            more = "  gain {:+.4f} +- {:.4f}".format(*gain(result.head, model.head(), test))
            if result.better is not None:
                more += f"  held out {result.before.ap:.4f} -> {result.after.ap:.4f}"
            say(structure.stem, f"few-shot {count}", figures(result.head, test), took, more)
        if arguments.scratch_steps:
            begun = time.monotonic()
            new = from_scratch(model, made[:TRAINING], arguments.scratch_steps, arguments.scratch_crop)
            own = [w for one in made[TRAINING:] for w in windows(new.eval(), one)]
            say(structure.stem, f"scratch {TRAINING}", figures(new.head(), own), time.monotonic() - begun)
    for how, found in rows.items():
        ap, aroc = np.mean(found, axis=0)
        print(f"{'mean':12} {how:12} AP {ap:.3f}  AROC {aroc:.3f}")


if __name__ == "__main__":
    main()
