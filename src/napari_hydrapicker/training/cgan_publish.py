"""From a trained generator to the file that is picked with: calibrated scores and a threshold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from napari_hydrapicker.evaluation.curves import F1, average_precision, best_f1
from napari_hydrapicker.gan.generator import Generator
from napari_hydrapicker.gan.losses import LossName
from napari_hydrapicker.gan.score import Calibration, probability
from napari_hydrapicker.gan.weights import GeneratorMetadata, save
from napari_hydrapicker.training.cgan_calibration import fit_calibration
from napari_hydrapicker.training.cgan_held_out import Found, Known, find, known_micrograph, known_pair
from napari_hydrapicker.training.cgan_pairs import PairMaker

HELD_OUT_PAIRS = 12
_MICROGRAPHS = 2  # simulated for each held-out pair
_HELD_OUT_CPX = 384  # as many marks on one as on a small micrograph, so that their mean area means something
_HELD_OUT_SEED, _SIMULATED_SEED = 2**32 + 1, 2**32 + 2  # no training step's
_NO_THRESHOLD = 0.5  # where nothing was found


def publish_generator(
    generator: Generator,
    pairs: PairMaker,
    path: Path,
    loss: LossName,
    provenance: Mapping[str, JsonValue],
    seed: int = 0,
    micrograph: Callable[[np.random.Generator], Known] = known_micrograph,
) -> GeneratorMetadata:
    """Calibrate a generator, choose its threshold of best F1, and save it.

    Both come from simulated micrographs of made-up molecules: on pairs there is less that can be taken for a
    particle, so that picks of real micrographs would seem surer than they are.

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
        What to say of the training; precision, recall, F1 and AP are added: on the held-out pairs as
        ``held_out``, and on the micrographs as ``simulated``.
    seed
        Of pairs and micrographs.
    micrograph
        Simulates one.

    Raises
    ------
    WeightsError
        If the file cannot be written, or the generator diverged.
    """
    meta = GeneratorMetadata(loss=loss, marker_cpx=pairs.parameters.marker_cpx)
    large = replace(pairs, side_cpx=_HELD_OUT_CPX)
    how = meta.localisation()
    simulated = (micrograph(rng) for rng in _states(_SIMULATED_SEED, seed, _MICROGRAPHS * HELD_OUT_PAIRS))
    on_micrographs = find(generator, simulated, how)
    held_out = (known_pair(large(rng)) for rng in _states(_HELD_OUT_SEED, seed, HELD_OUT_PAIRS))
    on_pairs = find(generator, held_out, how)
    calibration = fit_calibration(
        on_micrographs.strength, on_micrographs.contrasts, on_micrographs.truth, meta.calibration
    )
    best = _best(on_micrographs, calibration)
    training: dict[str, JsonValue] = dict(provenance)
    training["held_out"] = _figures(on_pairs, calibration)
    training["simulated"] = _figures(on_micrographs, calibration)
    threshold = _NO_THRESHOLD if best is None else best.threshold
    facts = {"calibration": calibration, "threshold": threshold, "training": training}
    return save(generator, path, GeneratorMetadata.model_validate(dict(meta) | facts))


def _states(which: int, seed: int, count: int) -> Iterator[np.random.Generator]:
    return (np.random.default_rng((which, seed, i)) for i in range(count))


def _best(found: Found, calibration: Calibration) -> F1 | None:
    if not (found.particles and found.truth.any()):
        return None
    return best_f1(probability(found.strength, found.contrasts, calibration), found.truth, found.particles)


def _figures(found: Found, calibration: Calibration) -> dict[str, JsonValue]:
    """Best F1 with its precision and recall, and AP; nothing where no particle was found."""
    best = _best(found, calibration)
    if best is None:
        return {}
    score = probability(found.strength, found.contrasts, calibration)
    ap = average_precision(score, found.truth, found.particles)
    return {"precision": best.precision, "recall": best.recall, "f1": best.f1, "ap": ap}
