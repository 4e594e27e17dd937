"""From a trained generator to the file that is picked with: calibrated scores and a threshold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import JsonValue

from napari_hydrapicker.evaluation.curves import average_precision, best_f1
from napari_hydrapicker.evaluation.matching import Criterion, match
from napari_hydrapicker.gan.canvas import CANVAS_DIAMETER_CPX
from napari_hydrapicker.gan.generator import Generator
from napari_hydrapicker.gan.localise import LocaliseParameters, localise
from napari_hydrapicker.gan.losses import LossName
from napari_hydrapicker.gan.score import score
from napari_hydrapicker.gan.weights import GeneratorMetadata, save
from napari_hydrapicker.training.cgan_pairs import PairMaker
from napari_hydrapicker.training.validation import calibrate

HELD_OUT_PAIRS = 12
_HELD_OUT_CPX = 384  # as many marks on one as on a small micrograph, so that their mean area means something
_HELD_OUT_SEED = 2**32 + 1  # no training step's
_NO_THRESHOLD = 0.5  # where nothing was found


@dataclass(frozen=True, eq=False)
class Found:
    """What was found on held-out pairs: scores (N,), whether true (N,), and the number of particles."""

    score: NDArray[np.float64]
    truth: NDArray[np.bool_]
    particles: int


def find_on_held_out(
    generator: Generator, pairs: PairMaker, how: LocaliseParameters, seed: int, count: int = HELD_OUT_PAIRS
) -> Found:
    """Pick pairs that were not trained on; a pick within a quarter of the diameter is true."""
    rng = np.random.default_rng((_HELD_OUT_SEED, seed))
    large = replace(pairs, side_cpx=_HELD_OUT_CPX)
    device = next(generator.parameters()).device
    scores, truths, particles = [np.empty(0)], [np.empty(0, np.bool_)], 0
    for _ in range(count):
        pair = large(rng)
        with torch.inference_mode():
            marked = generator(torch.from_numpy(pair.image)[None, None].to(device))[0, 0].cpu().numpy()
        yx, strength = localise(pair.image, marked, how)
        scores.append(score(pair.image, yx, strength))
        truths.append(match(yx, scores[-1], pair.yx, CANVAS_DIAMETER_CPX, Criterion.QUARTER).is_true)
        particles += len(pair.yx)
    return Found(np.concatenate(scores), np.concatenate(truths), particles)


def publish_generator(
    generator: Generator,
    pairs: PairMaker,
    path: Path,
    loss: LossName,
    provenance: Mapping[str, JsonValue],
    seed: int = 0,
) -> GeneratorMetadata:
    """Calibrate a generator on held-out pairs, choose its threshold of best F1, and save it.

    Parameters
    ----------
    generator
        Trained, in evaluation mode.
    pairs
        As in the training; the held-out ones are drawn with other random numbers.
    path
        File to write.
    loss
        The adversarial loss it was trained with.
    provenance
        What to say of the training; precision, recall, F1 and AP on the held-out pairs are added.

    Raises
    ------
    WeightsError
        If the file cannot be written, or the generator diverged.
    """
    meta = GeneratorMetadata(loss=loss, marker_cpx=pairs.parameters.marker_cpx)
    found = find_on_held_out(generator, pairs, meta.localisation(), seed)
    a, b = _calibrated(found)
    figures: dict[str, JsonValue] = {}
    threshold = _NO_THRESHOLD
    if found.particles and found.truth.any():
        best = best_f1(found.score, found.truth, found.particles)
        threshold = 1 / (1 + float(np.exp(-(a * best.threshold + b))))
        ap = average_precision(found.score, found.truth, found.particles)
        figures = {"precision": best.precision, "recall": best.recall, "f1": best.f1, "ap": ap}
    facts = {"calibration": (a, b), "threshold": threshold, "training": {**provenance, "held_out": figures}}
    return save(generator, path, GeneratorMetadata.model_validate(dict(meta) | facts))


def _calibrated(found: Found) -> tuple[float, float]:
    """Fit the probability on scores brought to mean 0 and deviation 1, for theirs are far below 1."""
    spread = float(found.score.std()) if found.score.size else 0.0
    if spread == 0:
        return 1.0, 0.0
    mean = float(found.score.mean())
    a, b = calibrate((found.score - mean) / spread, found.truth, prior=(1.0, 0.0))
    return a / spread, b - a * mean / spread
