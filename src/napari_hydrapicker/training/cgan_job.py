"""A cGAN picker from start to end: pairs, both networks, calibration, file."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from pydantic import JsonValue

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.gan.discriminator import Discriminator
from napari_hydrapicker.gan.generator import DEFAULT_WIDTH, Generator
from napari_hydrapicker.gan.weights import GeneratorMetadata
from napari_hydrapicker.training.cgan import train_cgan
from napari_hydrapicker.training.cgan_batches import Pairs, fixed_pairs
from napari_hydrapicker.training.cgan_pairs import PairMaker
from napari_hydrapicker.training.cgan_parameters import CGanParameters, CGanProgress
from napari_hydrapicker.training.cgan_publish import publish_generator

FILE = "cgan.safetensors"
_FIXED_SEED = 2**32  # no training step's


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
        raise ParameterError(f"{pairs} pairs: give 1 or more, or 0 for ever new ones")
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
        "side_cpx": maker.side_cpx, "background_micrographs": len(maker.patches),
        "simulated_share": maker.simulated_share if maker.patches else 1.0,
    }  # fmt: skip
    return publish_generator(trained, maker, folder / FILE, p.loss, about, p.seed)


def _fixed(maker: PairMaker, count: int, seed: int) -> Pairs:
    return fixed_pairs([maker(np.random.default_rng((_FIXED_SEED, seed, i))) for i in range(count)])
