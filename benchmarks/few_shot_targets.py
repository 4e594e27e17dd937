"""Simulated targets that no training saw, and how a head does on them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from napari_hydrapicker.evaluation.metrics import auroc
from napari_hydrapicker.hydra.layers import Head
from napari_hydrapicker.hydra.network import GENERIC, HydraPicker
from napari_hydrapicker.imaging.normalise import flatten, normalise, pad_with_noise
from napari_hydrapicker.imaging.prepare import network_input
from napari_hydrapicker.imaging.rescale import DIAMETER_WPX
from napari_hydrapicker.picking.hydra import predict
from napari_hydrapicker.simulation.conditions import Conditions
from napari_hydrapicker.simulation.micrograph import Simulated, simulate
from napari_hydrapicker.simulation.projection import make_species
from napari_hydrapicker.simulation.structures import load_structure
from napari_hydrapicker.training.features import Window, windows
from napari_hydrapicker.training.few_shot import jackknife_error
from napari_hydrapicker.training.labelled_image import LabelledImage, Marks
from napari_hydrapicker.training.single_head import SingleHeadParameters, train_single_head
from napari_hydrapicker.training.sources import LabelledMicrograph, RealSource
from napari_hydrapicker.training.validation import (
    HeadScores,
    decode_picks,
    distance_to,
    merged,
    score_head,
)

SHAPE_WPX = (448, 512)
CELL_WPX = 16
REACH_WPX = 10.0  # of a pick to the particle that it means
SHOWN_LOGIT = -1.0  # of the picks that a user is shown
TRAINING = 5
SCREENED_FROM = 900  # number of the first of the micrographs that tell whether a draw's conditions suit
BETWEEN_REDRAWS = 100  # seeds


def suitable_seed(
    model: HydraPicker, structure: Path, seed: int, whiten: float, within: tuple[float, float]
) -> int:
    """The first of the seeds `seed`, `seed` + 100, ... under which the target is neither lost nor found.

    That is by the AP of the generic head on five micrographs that serve nothing else. Where hardly a particle
    can be seen no picker is of use, and where all are found nothing is left to be gained.
    """
    while True:
        made = data_set(structure, seed, whiten, 0, SCREENED_FROM)
        ap, _ = figures(model.head(), [w for one in made for w in windows(model, one)])
        suits = within[0] <= ap <= within[1]
        print(f"{structure.stem:8} {seed:4} AP {ap:.3f}{'' if suits else ': other conditions'}", flush=True)
        if suits:
            return seed
        seed += BETWEEN_REDRAWS


def data_set(structure: Path, seed: int, whiten: float, test: int, first: int = 0) -> list[LabelledImage]:
    """Simulate the micrographs of a target at the working scale, every particle marked.

    More micrographs for testing do not change the first ones; from another number `first` on they are others.
    """
    made = []
    for i, (one, _) in enumerate(simulated(structure, seed, TRAINING + test, first)):
        image = network_input(normalise(flatten(one.image.numpy())), None, whiten)
        marks = Marks(one.yx, np.empty((0, 2)), one.ignore_yx)
        made.append(LabelledImage(f"{structure.stem}-{i}", image, marks))
    return made


def simulated(structure: Path, seed: int, count: int, first: int = 0) -> Iterator[tuple[Simulated, float]]:
    """Simulate the micrographs of a target, of which only the defocus varies; yields each and its pixel size.

    A working pixel is a pixel, and the diameter that is stated 21 of them: 0.8 to 1.25 of the true one.
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
    for i in range(count):
        taken = replace(usual, defocus_um=usual.defocus_um * float(rng.uniform(0.7, 1.4)))
        yield simulate(species, SHAPE_WPX, pixel, taken, 1000 * seed + first + i), pixel


def in_part(model: HydraPicker, micrograph: LabelledImage, number: int, seed: int) -> LabelledImage:
    """A micrograph of which a user marked some of what the generic head got wrong, and nothing else.

    So many particles that it misses, and as many of its picks that are none, or all where there are fewer; of
    particles at least two. Added ones lie about a working pixel off.
    """
    rng, marks = np.random.default_rng(seed), micrograph.marks
    image, _ = pad_with_noise(micrograph.image, CELL_WPX)
    raw, _ = predict(model, image, GENERIC)
    found, _ = decode_picks(raw, image.shape, marks.yx, marks.unusable_yx, min_logit=SHOWN_LOGIT)
    missed = rng.permutation(marks.yx[distance_to(marks.yx, found) > REACH_WPX])
    if len(missed) < 2:
        missed = rng.permutation(marks.yx)[:2]
    added = missed[:number] + rng.normal(0, 1, missed[:number].shape)
    deleted = rng.permutation(found[distance_to(found, marks.yx) > REACH_WPX])[:number]
    return replace(micrograph, marks=replace(marks, yx=added, negative_yx=deleted, complete=False))


def figures(head: Head, test: list[Window]) -> tuple[float, float]:
    """AP and AROC of a head on test windows."""
    scores = score_head(head, test)
    cells = sum(one.shape[0] * one.shape[1] // CELL_WPX**2 for one in test)
    return scores.ap, auroc(scores.logits, scores.truth, scores.particles, cells)


def gain(new: Head, of_new: list[Window], old: Head, of_old: list[Window]) -> tuple[float, float]:
    """Difference of two heads' APs, and its standard error (jackknife over the micrographs).

    The windows of the two are the same, with the features of each one's body.
    """
    names = list(dict.fromkeys(one.micrograph for one in of_new))

    def scores(head: Head, of: list[Window]) -> list[HeadScores]:
        return [score_head(head, [one for one in of if one.micrograph == name]) for name in names]

    now, before = scores(new, of_new), scores(old, of_old)
    return merged(now).ap - merged(before).ap, jackknife_error(before, now)


def from_scratch(model: HydraPicker, training: list[LabelledImage], steps: int, crop_wpx: int) -> HydraPicker:
    """Train a new network of the same kind on the same micrographs, with equal shares of flips and turns."""
    torch.manual_seed(0)
    labelled = [
        LabelledMicrograph(m.image, np.ones(m.image.shape, np.bool_), m.marks.yx, 0.0) for m in training
    ]
    parameters = SingleHeadParameters(steps=steps, crop_wpx=crop_wpx, validate_every=steps)
    with tempfile.TemporaryDirectory() as folder:
        new = HydraPicker(model.architecture)
        return train_single_head(new, [RealSource("target", labelled)], [1.0], {}, Path(folder), parameters)
