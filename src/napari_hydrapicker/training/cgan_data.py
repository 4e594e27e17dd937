"""Pairs to train the cGAN on, made anew at every call, and batches of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_hydrapicker.cgan.background import Patch, free_patches, mosaic, simulated_background
from napari_hydrapicker.cgan.filters import BandPass, blur_of, filtered_background, filtered_pair
from napari_hydrapicker.cgan.networks import MIN_SIZE, MULTIPLE
from napari_hydrapicker.cgan.preprocess import CGAN_DIAMETER_WPX, to_working_image, working_shape
from napari_hydrapicker.cgan.synthesis import Pair, synthesise_pair
from napari_hydrapicker.cgan.synthesis_parameters import SynthesisParameters
from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.imaging.augment import TURNS, turn
from napari_hydrapicker.imaging.rescale import diameter_on
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.wording import counted

MIN_PAIR = max(MIN_SIZE, 2 * MULTIPLE)  # normalisation needs more than one value at the coarsest layer

PAIR_WPX = 192
"""Side of the pairs by default, working pixels: almost ten particles."""
# Beyond the paper's constants: the shapes of one pair differ as views of a particle do, and can all be seen.
_VARIATION = (0.6, 1.15)
_STEPS = (20, 600)
_CONTRAST = (0.2, 0.6)
# Ranges of the filters.
_FILTERED_SHARE = 0.5  # of the simulated backgrounds
_BLUR_WPX = (0.0, 2.0)
_MORE_BLUR_WPX = (0.0, 0.75)  # of particles than of the noise
_HALO = (0.0, 1.0)
_COARSE_WPX = (3.0, 8.0)


class TrainingPair(Protocol):
    """An input image and the same with its particles marked, grey levels 0..1, ``(H, W)`` each."""

    @property
    def image(self) -> NDArray[np.float32]:
        """The input."""
        ...

    @property
    def truth(self) -> NDArray[np.float32]:
        """The marked image."""
        ...


Pairs = Callable[[np.random.Generator], TrainingPair]
"""Where pairs come from: makes one, or takes one of those that there are, by the random numbers given."""


def fixed_pairs(pairs: Sequence[TrainingPair]) -> Pairs:
    """Draw from a fixed number of pairs; the paper takes 100.

    Raises
    ------
    ParameterError
        If there is none.
    """
    if not pairs:
        raise ParameterError("there is no pair to train on: make at least one")
    return lambda rng: pairs[int(rng.integers(len(pairs)))]


def draw_batch(pairs: Pairs, rng: np.random.Generator, n: int) -> tuple[Tensor, Tensor]:
    """Draw `n` pairs, flipped and turned at random: inputs and truths, ``(n, 1, H, W)`` each.

    Raises
    ------
    ParameterError
        If the pairs differ in size or are too small.
    """
    drawn = [pairs(rng) for _ in range(n)]
    rows, cols = drawn[0].image.shape
    if min(rows, cols) < MIN_PAIR:
        raise ParameterError(f"pairs of {rows} x {cols} pixels: make them {MIN_PAIR} or more on a side")
    # Flips alone where a quarter turn would give the images of a batch different shapes.
    turns = rng.integers(TURNS if rows == cols else TURNS // 2, size=n)
    if any(part.shape != (rows, cols) for pair in drawn for part in (pair.image, pair.truth)):
        raise ParameterError("pairs of different sizes: make them all of one size")
    parts = [
        np.stack([turn(image, [], which)[0] for image, which in zip(images, turns, strict=True)])
        for images in ([pair.image for pair in drawn], [pair.truth for pair in drawn])
    ]
    inputs, truths = (
        torch.from_numpy(part[:, None]).contiguous(memory_format=torch.channels_last) for part in parts
    )
    return inputs, truths


def varied(parameters: SynthesisParameters) -> SynthesisParameters:
    """The same ranges, with particles that differ in size and compactness within a pair."""
    return replace(parameters, variation=_VARIATION, steps=_STEPS, contrast=_CONTRAST)


@dataclass(frozen=True, eq=False)
class PairMaker:
    """Makes pairs of one size, filtered as micrographs are (`cgan.filters`).

    Attributes
    ----------
    parameters : SynthesisParameters
        Ranges of the shapes.
    side_wpx : int
        Side of the pairs, working pixels.
    patches : sequence of list of Patch
        For each micrograph its patches with particle-free regions, not empty; each background is made of
        those of one micrograph.
    simulated_share : float
        Share of the pairs on simulated noise; all of them without patches.
    """

    parameters: SynthesisParameters
    side_wpx: int = PAIR_WPX
    patches: Sequence[list[Patch]] = ()
    simulated_share: float = 0.5

    def __call__(self, rng: np.random.Generator) -> Pair:
        """Make a pair; the same state of `rng` gives the same."""
        shape = (self.side_wpx, self.side_wpx)
        band = BandPass(rng.uniform(*_BLUR_WPX), rng.uniform(*_HALO), rng.uniform(*_COARSE_WPX))
        if not self.patches or rng.random() < self.simulated_share:
            background = simulated_background(shape, rng, CGAN_DIAMETER_WPX)
            if rng.random() < _FILTERED_SHARE:
                background = filtered_background(background, band)
        else:
            background = mosaic(self.patches[int(rng.integers(len(self.patches)))], shape, rng)
        pair = synthesise_pair(background, rng, self.parameters)
        blur = blur_of(background) + rng.uniform(*_MORE_BLUR_WPX)
        return filtered_pair(pair, background, replace(band, blur_wpx=blur))


def particle_free(
    micrographs: Sequence[Micrograph], diameter_angstrom: float, pixel_size_angstrom: float | None = None
) -> list[list[Patch]]:
    """Find the particle-free patches of micrographs, as `PairMaker` takes them.

    Micrographs too crowded to have any are passed over.

    Raises
    ------
    MicrographError
        If a micrograph cannot be read or has no contrast.
    ParameterError
        If no pixel size is known, the diameter does not fit, or none of the micrographs has a patch.
    """
    found = []
    for one in micrographs:
        length_px = diameter_on(one, diameter_angstrom, pixel_size_angstrom)
        working = to_working_image(one.pixels(), length_px, edited=one.mask)
        patches = free_patches(working)
        if patches:
            found.append(patches)
    if not found:
        raise ParameterError(
            f"none of {counted(len(micrographs), 'micrograph')} has an area free of particles: give "
            "emptier ones, or "
            "none, for simulated backgrounds"
        )
    return found


def typical_shape(
    micrographs: Sequence[Micrograph], diameter_angstrom: float, pixel_size_angstrom: float | None = None
) -> tuple[int, int]:
    """Shape of the first micrograph's working image, to which a number of particles refers.

    Raises
    ------
    ParameterError
        If there is no micrograph, no pixel size is known, or the diameter does not fit.
    """
    if not micrographs:
        raise ParameterError("a number of particles needs a micrograph that it refers to: give one")
    one = micrographs[0]
    return working_shape(one.shape, diameter_on(one, diameter_angstrom, pixel_size_angstrom))
