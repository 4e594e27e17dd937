"""Where particles lie in a micrograph."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree


def place(
    rng: np.random.Generator,
    shape: tuple[int, int],
    diameter_px: float,
    density: float,
    spacing: float,
    clustering: float,
) -> NDArray[np.float64]:
    """Draw centres that keep a smallest distance, some of them in clusters.

    Parameters
    ----------
    shape : (H, W)
        Pixels of the image.
    diameter_px : float
    density : float
        Centres for each diameter^2 of area.
    spacing : float
        Smallest distance in diameters.
    clustering : float
        Share of centres placed within 1.3 spacings of another, 0..1.

    Returns
    -------
    ndarray of float64, shape (N, 2)
        (row, column) in pixels. Fewer than asked for where they do not fit.
    """
    wanted = int(rng.poisson(density * shape[0] * shape[1] / diameter_px**2))
    if wanted == 0:
        return np.empty((0, 2))
    gap = spacing * diameter_px
    candidates = rng.uniform((-0.5, -0.5), (shape[0] - 0.5, shape[1] - 0.5), size=(3 * wanted, 2))
    follows = rng.random(len(candidates)) < clustering
    follows[0] = False
    leaders = np.flatnonzero(~follows)
    angle = rng.uniform(0, 2 * np.pi, len(candidates))
    step = gap * rng.uniform(1.0, 1.3, len(candidates))
    near = candidates[rng.choice(leaders, len(candidates))]
    beside = near + np.stack([np.sin(angle), np.cos(angle)], axis=1) * step[:, None]
    candidates = np.where(follows[:, None], beside, candidates)
    inside = ((candidates > -0.5) & (candidates < np.array(shape) - 0.5)).all(axis=1)
    candidates = candidates[inside]
    neighbours = cKDTree(candidates).query_ball_point(candidates, gap)
    kept = np.zeros(len(candidates), bool)
    for i, around in enumerate(neighbours):
        kept[i] = not kept[[j for j in around if j < i]].any()
    return np.asarray(candidates[kept][:wanted], np.float64)
