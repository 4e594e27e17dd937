"""Procedural complexes: molecules from a seed, for the demo, the tests and variety in training.

A complex is a set of globular subunits, each a ball filled with atoms, arranged as a chain that walks,
a ring, a stack of rings or a shell. No file is needed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_hydrapicker.simulation.structures import POTENTIAL_PER_ATOM, PointCloud, from_atoms

ATOMS_PER_CUBIC_ANGSTROM = 1 / 17.5


def _ball(rng: np.random.Generator, radius: float) -> NDArray[np.float64]:
    n = int(4 / 3 * np.pi * radius**3 * ATOMS_PER_CUBIC_ANGSTROM)
    direction = rng.normal(size=(n, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    squash = rng.uniform(0.7, 1.3, size=3)
    return direction * radius * rng.uniform(size=(n, 1)) ** (1 / 3) * squash / np.prod(squash) ** (1 / 3)


def _walk(rng: np.random.Generator, radius: float) -> NDArray[np.float64]:
    steps = rng.normal(size=(rng.integers(2, 12), 3))
    steps *= 1.5 * radius / np.linalg.norm(steps, axis=1, keepdims=True)
    compactness = rng.uniform(0.5, 1.0)
    places = [np.zeros(3)]
    for step in steps:
        places.append(places[rng.integers(max(0, len(places) - 3), len(places))] * compactness + step)
    return np.array(places)


def _ring(rng: np.random.Generator, radius: float, n: int) -> NDArray[np.float64]:
    angle = 2 * np.pi * np.arange(n) / n
    big = 1.7 * radius / (2 * np.sin(np.pi / n))
    return np.stack([big * np.cos(angle), big * np.sin(angle), np.zeros(n)], axis=1)


def _stack(rng: np.random.Generator, radius: float) -> NDArray[np.float64]:
    ring = _ring(rng, radius, int(rng.integers(3, 9)))
    layers = rng.integers(1, 5)
    return np.concatenate([ring + np.array([0, 0, 1.7 * radius * z]) for z in range(layers)])


def _shell(rng: np.random.Generator, radius: float) -> NDArray[np.float64]:
    n = int(rng.integers(12, 61))
    k = np.arange(n) + 0.5
    polar, azimuth = np.arccos(1 - 2 * k / n), np.pi * (1 + 5**0.5) * k
    big = radius * 0.55 * np.sqrt(n)
    unit = [np.cos(azimuth) * np.sin(polar), np.sin(azimuth) * np.sin(polar), np.cos(polar)]
    return np.asarray(big * np.stack(unit, axis=1), np.float64)


def procedural_complex(seed: int, diameter_angstrom: float | None = None) -> PointCloud:
    """Make a complex of globular subunits.

    Parameters
    ----------
    seed : int
        The same seed gives the same complex.
    diameter_angstrom : float, optional
        Largest extent asked for; drawn between 80 and 400 Angstrom without it.
    """
    rng = np.random.default_rng(seed)
    arrangement = (_walk, _walk, _stack, _shell)[rng.integers(4)]
    target = diameter_angstrom or float(np.exp(rng.uniform(np.log(80), np.log(400))))
    places = arrangement(rng, 1.0)
    extent = max(float(np.ptp(places, axis=0).max()) + 2.0, 2.0)
    radius = target / extent
    atoms = np.concatenate([place * radius + _ball(rng, radius) for place in places])
    keep = rng.random(len(atoms)) < min(1.0, 60000 / len(atoms))
    xyz = atoms[keep]
    cloud = from_atoms(f"procedural-{seed}", xyz, np.full(len(xyz), 7), max(keep.mean(), 1e-6))
    factor = np.float32(target / cloud.diameter_angstrom)
    return PointCloud(cloud.name, cloud.xyz_angstrom * factor, cloud.weight * factor**3)


def with_micelle(cloud: PointCloud, seed: int) -> PointCloud:
    """Put a molecule into a belt of detergent or lipid, as membrane proteins have one.

    The belt is an ellipsoid shell around the middle of the molecule, a few nanometres high, of a third of the
    protein's contrast: detergent's is between the protein's and the ice's.
    """
    rng = np.random.default_rng(seed)
    xyz = cloud.xyz_angstrom @ np.linalg.qr(rng.normal(size=(3, 3)))[0].astype(np.float32)
    across = np.percentile(np.hypot(xyz[:, 0], xyz[:, 1]), 90)
    height, thickness = rng.uniform(15, 25), rng.uniform(12, 30)
    n = int(4 * (across + thickness) ** 2 * height * ATOMS_PER_CUBIC_ANGSTROM)
    outer = np.array([across + thickness, across + thickness, height])
    points = rng.uniform(-1, 1, size=(min(n, 60000), 3)) * outer
    inside = (points / outer) ** 2
    radius = np.hypot(points[:, 0], points[:, 1])
    points = points[(inside.sum(axis=1) < 1) & (radius > 0.8 * across)]
    points[:, 2] += rng.uniform(-0.3, 0.3) * np.ptp(xyz[:, 2])
    share = n / min(n, 60000)
    weight = np.full(len(points), share * POTENTIAL_PER_ATOM / 3)
    all_xyz = np.concatenate([xyz, points])
    all_weight = np.concatenate([cloud.weight, weight])
    all_xyz = all_xyz - np.average(all_xyz, axis=0, weights=all_weight)
    return PointCloud(f"{cloud.name}-micelle", all_xyz.astype(np.float32), all_weight.astype(np.float32))
