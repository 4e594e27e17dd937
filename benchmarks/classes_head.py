"""What a head that is trained from 2-D classes gains: simulated micrographs with broken particles and dirt.

Run as ``python benchmarks/classes_head.py STRUCTURE... [--micrographs 4] [--test 6] --out FOLDER``. As the
window's *Train from classes* does it: the network's picks on a few micrographs are classified, classes are
rejected, what is left is taken for particles, what was rejected for none, and nothing else counts. Two rules
say which classes are rejected, both given before any result was seen:

- *doubtful*: those that `classify` calls doubtful;
- *poor*: those of which less than half are particles, for one who knows the truth: what a careful eye can
  reach at best.

Other micrographs of the same kind test the heads: AP at box IoU > 0.6, and what is gained over the generic
head with its standard error (jackknife over the test micrographs). For comparison ``--complete 1`` trains on
the first of these micrographs corrected by one who marks every particle.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from classes import DIAMETER_PX, picked, right, simulate
from napari_hydrapicker.classes.classify import Classes, classify
from napari_hydrapicker.evaluation.matching import Criterion, match
from napari_hydrapicker.evaluation.metrics import average_precision
from napari_hydrapicker.hydra.weights import attach
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picking.hydra import HydraNetPicker
from napari_hydrapicker.picking.parameters import PickParameters
from napari_hydrapicker.simulation.micrograph import Simulated
from napari_hydrapicker.training.annotated_micrograph import AnnotatedMicrograph
from napari_hydrapicker.training.finetune import finetune

Scores = list[tuple[np.ndarray, np.ndarray, int]]
"""Of each test micrograph: scores, which picks are true, and the number of particles."""


def scored(picker: HydraNetPicker, test: list[tuple[Micrograph, Simulated]], diameter: float) -> Scores:
    """Pick the test micrographs, and match with the truth; what lies on broken particles counts as wrong."""
    found: Scores = []
    for micrograph, truth in test:
        picks = picker.pick_micrograph(micrograph, PickParameters(diameter_angstrom=diameter, use_mask=False))
        matched = match(picks.yx, picks.score, truth.yx, DIAMETER_PX, Criterion.IOU)
        found.append((picks.score.astype(np.float64), matched.is_true, len(truth.yx)))
    return found


def ap(scores: Scores) -> float:
    """AP of all together."""
    score, true, n = zip(*scores, strict=True)
    return average_precision(np.concatenate(score), np.concatenate(true), sum(n))


def gain(before: Scores, after: Scores) -> tuple[float, float]:
    """Difference in AP, and its standard error by leaving out one micrograph after the other."""
    n = len(before)
    without = [[i for i in range(n) if i != left] for left in range(n)]
    gains = [ap([after[i] for i in some]) - ap([before[i] for i in some]) for some in without]
    return ap(after) - ap(before), float(np.sqrt((n - 1) * np.var(gains)))


def annotated(found: Classes, rejected: list[int]) -> list[AnnotatedMicrograph]:
    """What the window would train on after these classes were rejected."""
    made = []
    for one in found.members:
        out = np.isin(one.label, rejected)
        made.append(
            AnnotatedMicrograph(
                one.micrograph, one.picks.yx[(one.label > 0) & ~out], one.picks.yx[out], complete=False
            )
        )
    return made


def main() -> None:
    """Read the arguments and go."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("structures", type=Path, nargs="+")
    parser.add_argument("--micrographs", type=int, default=4)
    parser.add_argument("--test", type=int, default=6)
    parser.add_argument("--complete", type=int, default=0)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.out.mkdir(parents=True, exist_ok=True)
    print("| target | head | rejected | particles (right) | none (right) | AP | gain | CPU s |", flush=True)
    for structure in given.structures:
        network = HydraNetPicker.load(device="cpu")
        made = simulate(structure, given.micrographs + given.test, given.out, given.seed)
        micrographs, truths, diameter = made
        pairs = list(zip(micrographs, truths, strict=True))
        test = pairs[given.micrographs :]
        generic = scored(network, test, diameter)
        print(f"| {structure.stem} | generic | | | | {ap(generic):.3f} | | |", flush=True)
        shown = micrographs[: given.micrographs]
        by_name = {one.name: truth for one, truth in pairs}
        picks = {one.name: picked(one, diameter, network) for one in shown}
        found = classify(picks, shown, diameter, ctf=given.out / f"{structure.stem}_ctf.star")
        good = np.concatenate([right(one.picks, by_name[one.micrograph.name]) for one in found.members])
        label = np.concatenate([one.label for one in found.members])
        poor = [one.number for one in found.classes if good[label == one.number].mean() < 0.5]
        tasks = {"doubtful": annotated(found, found.doubtful), "poor": annotated(found, poor)}
        rejected = {"doubtful": len(found.doubtful), "poor": len(poor)}
        if given.complete:
            tasks["complete"] = [
                AnnotatedMicrograph(one, truth.yx, np.empty((0, 2))) for one, truth in pairs[: given.complete]
            ]
        for name, examples in tasks.items():
            if name in rejected and not rejected[name]:
                print(f"| {structure.stem} | {name} | 0 | | | | nothing to learn | |", flush=True)
                continue
            begun = time.process_time()
            result, record = finetune(network.model, network.metadata, examples, diameter, f"own-{name}")
            seconds = time.process_time() - begun
            attach(network.model, result.head, record)
            network.model.eval()
            own = HydraNetPicker(network.model, network.metadata.with_head(record), record.name)
            after = scored(own, test, diameter)
            better, error = gain(generic, after)
            yes = [
                (len(one.yx), _right(one.yx, by_name[one.micrograph.name])) for one in examples if len(one.yx)
            ]
            no = [
                (len(one.negative_yx), _right(one.negative_yx, by_name[one.micrograph.name]))
                for one in examples
                if len(one.negative_yx)
            ]
            print(
                f"| {structure.stem} | {name} | {rejected.get(name, '')} | {_share(yes)} | {_share(no)} "
                f"| {ap(after):.3f} | {better:+.3f} +- {error:.3f} | {seconds:.0f} |",
                flush=True,
            )


def _right(yx: np.ndarray, truth: Simulated) -> int:
    distance = np.linalg.norm(yx[:, None] - truth.yx[None], axis=2).min(axis=1)
    return int((distance < DIAMETER_PX / 4).sum())


def _share(counts: list[tuple[int, int]]) -> str:
    n, true = (sum(column) for column in zip(*counts, strict=True)) if counts else (0, 0)
    return f"{n} ({true / max(n, 1):.2f})"


if __name__ == "__main__":
    main()
