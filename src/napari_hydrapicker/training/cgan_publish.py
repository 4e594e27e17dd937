"""A cGAN picker from start to end: pairs, both networks, calibration, file."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from pydantic import JsonValue

from napari_hydrapicker.cgan.networks import GENERATOR_WIDTH as DEFAULT_WIDTH
from napari_hydrapicker.cgan.networks import Discriminator, Generator, LossName
from napari_hydrapicker.cgan.predict import Calibration, probability
from napari_hydrapicker.cgan.weights import GeneratorMetadata, save
from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.evaluation.metrics import F1, average_precision, best_f1
from napari_hydrapicker.training.cgan import CGanParameters, CGanProgress, train_cgan
from napari_hydrapicker.training.cgan_data import PairMaker, Pairs, fixed_pairs
from napari_hydrapicker.training.cgan_validation import (
    Found,
    Known,
    find,
    fit_calibration,
    known_micrograph,
    known_pair,
)
from napari_hydrapicker.wording import counted

HELD_OUT_PAIRS = 12
_MICROGRAPHS = 2  # simulated for each held-out pair
_HELD_OUT_WPX = 384  # as many marks on one as on a small micrograph, so that their mean area means something
_HELD_OUT_SEED, _SIMULATED_SEED = 2**32 + 1, 2**32 + 2  # no training step's
_NO_THRESHOLD = 0.5  # where nothing was found

FILE = "cgan.safetensors"
_FIXED_SEED = 2**32  # no training step's


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
    meta = GeneratorMetadata(loss=loss, marker_wpx=pairs.parameters.marker_wpx)
    large = replace(pairs, side_wpx=_HELD_OUT_WPX)
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


def make_picker(
    maker: PairMaker,
    folder: Path,
    parameters: CGanParameters | None = None,
    pairs: int = 0,
    width: int = DEFAULT_WIDTH,
    device: torch.device | None = None,
    report: Callable[[CGanProgress], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
    minutes: float = math.inf,
) -> GeneratorMetadata | None:
    """Train a generator and write it to ``folder/cgan.safetensors``; goes on from a checkpoint there.

    Parameters
    ----------
    maker
        Makes the pairs.
    parameters
        How the networks are trained.
    pairs
        How many pairs are made and trained on again and again, 100 in the paper; 0 for ever new ones.
    width
        Channels of the generator's outermost layers.
    device
        To compute on; the CPU by default.
    report, cancelled, minutes
        As for `train_cgan`.

    Returns
    -------
    GeneratorMetadata or None
        What was written; nothing is where the training was cancelled.

    Raises
    ------
    ParameterError
        If a parameter is out of range.
    WeightsError
        If the checkpoint is damaged or of another training, or the file cannot be written.
    """
    p = parameters or CGanParameters()
    if pairs < 0:
        raise ParameterError(f"{counted(pairs, 'pair')}: give 1 or more, or 0 for ever new ones")
    torch.manual_seed(p.seed)
    generator, discriminator = Generator(width).to(device), Discriminator().to(device)
    source = _fixed(maker, pairs, p.seed) if pairs else maker
    trained = train_cgan(generator, discriminator, source, folder, p, report, cancelled, minutes)
    if cancelled():
        return None
    ranges = asdict(maker.parameters)
    about: dict[str, JsonValue] = {
        "parameters": asdict(p), "pairs": pairs,
        "synthesis": {name: list(one) if isinstance(one, tuple) else one for name, one in ranges.items()},
        "side_cpx": maker.side_wpx, "background_micrographs": len(maker.patches),
        "simulated_share": maker.simulated_share if maker.patches else 1.0,
    }  # fmt: skip
    return publish_generator(trained, maker, folder / FILE, p.loss, about, p.seed)


def _fixed(maker: PairMaker, count: int, seed: int) -> Pairs:
    return fixed_pairs([maker(np.random.default_rng((_FIXED_SEED, seed, i))) for i in range(count)])
