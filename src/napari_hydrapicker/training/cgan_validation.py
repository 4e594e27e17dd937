"""What a generator finds where the particles are known, and the probabilities fitted to that."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_hydrapicker.cgan.localise import LocaliseParameters, find_blobs
from napari_hydrapicker.cgan.networks import Generator
from napari_hydrapicker.cgan.predict import Calibration, contrast, predict_masks
from napari_hydrapicker.cgan.preprocess import CGAN_DIAMETER_WPX, WorkingImage, to_working_image
from napari_hydrapicker.cgan.synthesis import Pair
from napari_hydrapicker.evaluation.matching import Criterion, match
from napari_hydrapicker.simulation.conditions import draw_conditions
from napari_hydrapicker.simulation.micrograph import simulate
from napari_hydrapicker.simulation.procedural import procedural_complex
from napari_hydrapicker.simulation.projection import make_species

_SHAPE_WPX = (420, 520)  # as many particles as on a small micrograph: their mean area must mean something
_VIEWS = 24
_IGNORED_DIAMETERS = 0.5  # a pick so near to something that is neither particle nor background does not count

PRIOR_MARKS = 10
"""The usual calibration weighs as much as so many marks: a few alone would make a fit far too sure."""


@dataclass(frozen=True, eq=False)
class Known:
    """A working image whose particles are known.

    Attributes
    ----------
    working : WorkingImage
    yx, ignore_yx : ndarray of float64, shape (N, 2) and (M, 2)
        Centres of the particles, and of what is neither particle nor background; working pixels.
    """

    working: WorkingImage
    yx: NDArray[np.float64]
    ignore_yx: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Found:
    """What was found: arrays (N,) of the marks, and the number of particles.

    Attributes
    ----------
    strength, contrasts
        What `cgan.predict.probability` takes.
    truth
        Whether there is a particle within a quarter of the diameter.
    particles
        How many there are in all, found or not.
    """

    strength: NDArray[np.float64]
    contrasts: NDArray[np.float64]
    truth: NDArray[np.bool_]
    particles: int


def known_pair(pair: Pair) -> Known:
    """A synthetic pair: all of it counts."""
    rows, cols = pair.image.shape
    working = WorkingImage(pair.image, np.ones((rows, cols), np.bool_), (rows, cols))
    return Known(working, pair.yx, np.empty((0, 2)))


def known_micrograph(rng: np.random.Generator) -> Known:
    """Simulate a micrograph of a made-up molecule.

    It has what synthetic pairs lack, and what false picks are made of: contamination, ice crystals, broken
    particles, particles that touch, and noise of all kinds.
    """
    made_up = procedural_complex(int(rng.integers(2**31)))
    species = make_species(made_up, _VIEWS, int(rng.integers(2**31)))
    conditions = replace(draw_conditions(rng), carbon=0.0)
    pixel_angstrom = species.diameter_angstrom / CGAN_DIAMETER_WPX
    made = simulate(species, _SHAPE_WPX, pixel_angstrom, conditions, int(rng.integers(2**31)))
    return Known(to_working_image(made.image.numpy(), CGAN_DIAMETER_WPX), made.yx, made.ignore_yx)


def find(generator: Generator, known: Iterable[Known], how: LocaliseParameters) -> Found:
    """Mark working images and compare the marks with their particles.

    Parameters
    ----------
    generator
        In evaluation mode.
    known
        The working images, one at least.
    how
        How marks become picks.
    """
    strengths, contrasts, truths, particles = [np.empty(0)], [np.empty(0)], [np.empty(0, np.bool_)], 0
    for one in known:
        image, mask = one.working.image, one.working.mask
        yx, strength = find_blobs(image, predict_masks(generator, image), how)
        truth = match(yx, strength, one.yx, CGAN_DIAMETER_WPX, Criterion.QUARTER).is_true
        rows, cols = np.clip(np.rint(yx).astype(np.intp), 0, np.array(mask.shape) - 1).T
        counts = truth | (mask[rows, cols] & ~_near(yx, one.ignore_yx))
        strengths.append(strength[counts])
        contrasts.append(contrast(image, mask, yx[counts]))
        truths.append(truth[counts])
        particles += len(one.yx)
    return Found(np.concatenate(strengths), np.concatenate(contrasts), np.concatenate(truths), particles)


def _near(yx: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.bool_]:
    if not len(others) or not len(yx):
        return np.zeros(len(yx), np.bool_)
    return np.asarray(cKDTree(others).query(yx)[0] <= _IGNORED_DIAMETERS * CGAN_DIAMETER_WPX)


def fit_calibration(
    strength: NDArray[np.float64],
    contrasts: NDArray[np.float64],
    truth: NDArray[np.bool_],
    usual: Calibration,
) -> Calibration:
    """Fit a logistic function by maximum likelihood, whose slopes are not negative.

    Parameters
    ----------
    strength, contrasts : ndarray, shape (N,)
        Of marks on held-out pairs: what `cgan.predict.probability` takes.
    truth : ndarray of bool, shape (N,)
        Whether there is a particle.
    usual : (float, float, float)
        Returned where there are fewer than ten marks, or all are true, or none is; otherwise weighed like
        `PRIOR_MARKS` marks.
    """
    if len(truth) < PRIOR_MARKS or truth.all() or not truth.any():
        return usual
    features = np.stack([strength, np.log(contrasts)], 1)
    middle, spread = features.mean(0), features.std(0)
    spread[spread == 0] = 1
    x = torch.from_numpy((features - middle) / spread)  # (N, 2)
    y = torch.from_numpy(truth.astype(np.float64))
    slopes = np.array(usual[:2]) * spread
    # Slopes are fitted as logarithms, which keeps them above 0.
    earlier = torch.tensor([*np.log(slopes), usual[2] + float(np.array(usual[:2]) @ middle)])
    parameters = earlier.clone().requires_grad_()
    optimiser = torch.optim.LBFGS([parameters], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        logit = x @ parameters[:2].exp() + parameters[2]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logit, y)
        loss = loss + PRIOR_MARKS / len(truth) * (parameters - earlier).square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    fitted = parameters.detach().numpy()
    of_strength, of_contrast = (np.exp(fitted[:2]) / spread).tolist()
    constant = float(fitted[2]) - of_strength * middle[0] - of_contrast * middle[1]
    return of_strength, of_contrast, float(constant)
