"""What a generator finds where the particles are known and it was not trained: on pairs and micrographs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_hydrapicker.evaluation.matching import Criterion, match
from napari_hydrapicker.gan.canvas import CANVAS_DIAMETER_CPX, Canvas, to_canvas
from napari_hydrapicker.gan.generator import Generator
from napari_hydrapicker.gan.localise import LocaliseParameters, localise
from napari_hydrapicker.gan.marking import marked
from napari_hydrapicker.gan.score import contrast
from napari_hydrapicker.gan.synthesis import Pair
from napari_hydrapicker.simulation.conditions import draw_conditions
from napari_hydrapicker.simulation.micrograph import simulate
from napari_hydrapicker.simulation.procedural import procedural_complex
from napari_hydrapicker.simulation.projection import make_species

_SHAPE_CPX = (420, 520)  # as many particles as on a small micrograph: their mean area must mean something
_VIEWS = 24
_IGNORED_DIAMETERS = 0.5  # a pick so near to something that is neither particle nor background does not count


@dataclass(frozen=True, eq=False)
class Known:
    """A canvas whose particles are known.

    Attributes
    ----------
    canvas : Canvas
    yx, ignore_yx : ndarray of float64, shape (N, 2) and (M, 2)
        Centres of the particles, and of what is neither particle nor background; canvas pixels.
    """

    canvas: Canvas
    yx: NDArray[np.float64]
    ignore_yx: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Found:
    """What was found: arrays (N,) of the marks, and the number of particles.

    Attributes
    ----------
    strength, contrasts
        What `gan.score.probability` takes.
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
    canvas = Canvas(pair.image, np.ones((rows, cols), np.bool_), (rows, cols))
    return Known(canvas, pair.yx, np.empty((0, 2)))


def known_micrograph(rng: np.random.Generator) -> Known:
    """Simulate a micrograph of a made-up molecule.

    It has what synthetic pairs lack, and what false picks are made of: contamination, ice crystals, broken
    particles, particles that touch, and noise of all kinds.
    """
    made_up = procedural_complex(int(rng.integers(2**31)))
    species = make_species(made_up, _VIEWS, int(rng.integers(2**31)))
    conditions = replace(draw_conditions(rng), carbon=0.0)
    pixel_angstrom = species.diameter_angstrom / CANVAS_DIAMETER_CPX
    made = simulate(species, _SHAPE_CPX, pixel_angstrom, conditions, int(rng.integers(2**31)))
    return Known(to_canvas(made.image.numpy(), CANVAS_DIAMETER_CPX), made.yx, made.ignore_yx)


def find(generator: Generator, known: Iterable[Known], how: LocaliseParameters) -> Found:
    """Mark canvases and compare the marks with their particles.

    Parameters
    ----------
    generator
        In evaluation mode.
    known
        The canvases, one at least.
    how
        How marks become picks.
    """
    strengths, contrasts, truths, particles = [np.empty(0)], [np.empty(0)], [np.empty(0, np.bool_)], 0
    for one in known:
        image, mask = one.canvas.image, one.canvas.mask
        yx, strength = localise(image, marked(generator, image), how)
        truth = match(yx, strength, one.yx, CANVAS_DIAMETER_CPX, Criterion.QUARTER).is_true
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
    return np.asarray(cKDTree(others).query(yx)[0] <= _IGNORED_DIAMETERS * CANVAS_DIAMETER_CPX)
