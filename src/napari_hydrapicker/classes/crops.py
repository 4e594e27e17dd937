"""Particles cut out of their micrographs, alike in size, contrast and background."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from napari_hydrapicker.imaging.normalise import Cleaner, flatten, normalise
from napari_hydrapicker.imaging.rescale import pixel_angstrom, rescale, to_wpx
from napari_hydrapicker.imaging.spectrum import whiten
from napari_hydrapicker.io.ctf import Ctf
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.simulation import optics

BOX_PX = 64
"""Side of a crop, in its own pixels."""
DIAMETER_PX = 40.0
"""Particle diameter in a crop: the box is 1.6 diameters wide, so that a pixel is 1 / 40 of the particle."""

_FLAT_DIAMETERS = 3.0
_BACKGROUND_DIAMETERS = 1.1  # of the circle beyond which a crop is background
_CLIP = 5.0
# Of the micrograph's spectrum. Low frequencies, where all particles look alike, and what a denoiser has left,
# would decide otherwise: the averages of EMPIAR-10017 are blobs at 0, and show subunits from 0.5 on.
_WHITENING = 0.7
_LOUD = 1.5  # a crop's contrast may be this many times the usual one


def choose_evenly(counts: Sequence[int], wanted: int, seed: int = 0) -> list[NDArray[np.int64]]:
    """Draw picks from all micrographs alike; where one has fewer, the others give more.

    Parameters
    ----------
    counts : sequence of int
        Picks of each micrograph.
    wanted : int
        How many to draw in all.
    seed : int

    Returns
    -------
    list of ndarray of int
        Sorted indices of the picks drawn from each micrograph.
    """
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(n) for n in counts]
    # The rank of a pick within its micrograph decides; a tie is broken by lot.
    rank = np.concatenate([np.arange(n, dtype=np.float64) for n in counts] or [np.empty(0)])
    chosen = np.zeros(len(rank), bool)
    chosen[np.argsort(rank + rng.random(len(rank)), kind="stable")[:wanted]] = True
    ends = np.cumsum([0, *counts])
    return [
        np.sort(order[chosen[start:end]])
        for order, start, end in zip(orders, ends[:-1], ends[1:], strict=True)
    ]


def crop_pixel_angstrom(diameter_angstrom: float) -> float:
    """Angstrom per pixel of a crop."""
    return diameter_angstrom / DIAMETER_PX


def cut(
    micrograph: Micrograph,
    picks: Picks,
    diameter_angstrom: float,
    *,
    pixel_size_angstrom: float | None = None,
    ctf: Ctf | None = None,
    light: bool = False,
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Cut the picks out of a micrograph.

    The phases are flipped on the whole micrograph, where no box cuts off what defocus has spread.

    Parameters
    ----------
    micrograph : Micrograph
    picks : Picks
        Centres in micrograph pixels.
    diameter_angstrom : float
        The particle's long diameter.
    pixel_size_angstrom : float, optional
        Takes precedence over the micrograph's own.
    ctf : Ctf, optional
        Where the contrast transfer is negative: there phases are flipped.
    light : bool
        Particles are light on the micrograph; otherwise they are dark, and the crops are turned over.

    Returns
    -------
    images : ndarray of float32, shape (N, BOX_PX, BOX_PX)
    rest : ndarray of float64, shape (N, 2)

    Raises
    ------
    MicrographError
        If the micrograph cannot be read or has no contrast.
    ParameterError
        If no pixel size is known.
    """
    size = pixel_angstrom(micrograph, pixel_size_angstrom)
    scale = size / crop_pixel_angstrom(diameter_angstrom)
    shape = (max(1, round(micrograph.shape[0] * scale)), max(1, round(micrograph.shape[1] * scale)))
    pixels = micrograph.pixels()
    image = rescale(pixels, shape, Cleaner.estimate(pixels))
    image = normalise(whiten(flatten(image, _FLAT_DIAMETERS * DIAMETER_PX), _WHITENING))
    if ctf is not None:
        image = flip_phases(image, ctf, crop_pixel_angstrom(diameter_angstrom))
    image = image if light else -image
    centres = to_wpx(picks.yx, micrograph.shape, shape)
    whole = np.rint(centres).astype(np.int64)
    # Beyond the edge there is nothing: the background's mean.
    padded = np.pad(image, BOX_PX)
    span = np.arange(BOX_PX) - BOX_PX // 2 + BOX_PX
    whole_inside = np.clip(whole, -BOX_PX // 2, np.array(shape) + BOX_PX // 2 - 1)
    rows, columns = whole_inside[:, :1] + span, whole_inside[:, 1:] + span  # (N, BOX_PX)
    return padded[rows[:, :, None], columns[:, None, :]], centres - whole


def flip_phases(image: NDArray[np.float32], ctf: Ctf, pixel_size_angstrom: float) -> NDArray[np.float32]:
    """Turn the contrast of an image (H, W) over at the frequencies where protein would be light.

    Low frequencies stay as they are: what is dark stays dark.
    """
    rows, columns = image.shape

    def one(value: float) -> torch.Tensor:
        return torch.tensor([value])

    fy, fx = optics.frequency_grid((rows, columns), one(pixel_size_angstrom), "cpu")
    transfer = optics.ctf(
        fy, fx, defocus_um=one(ctf.defocus_um), astigmatism_um=one(ctf.astigmatism_um),
        astigmatism_angle=one(ctf.angle), voltage_kv=ctf.voltage_kv, cs_mm=ctf.cs_mm,
        amplitude_contrast=ctf.amplitude_contrast, phase_shift=one(ctf.phase_shift),
    )[0]  # fmt: skip
    spectrum = torch.fft.rfft2(torch.from_numpy(image)) * torch.where(transfer > 0, -1.0, 1.0)
    flipped: NDArray[np.float32] = torch.fft.irfft2(spectrum, s=(rows, columns)).numpy()
    return flipped


def disc(diameter_px: float, soft_px: float = 0.0) -> NDArray[np.float32]:
    """Return a disc (BOX_PX, BOX_PX): 1 within the diameter, a cosine `soft_px` wide around it, 0 beyond."""
    place = np.arange(BOX_PX) - BOX_PX // 2
    beyond = np.hypot(place[:, None], place[None]) - diameter_px / 2
    if soft_px == 0:
        return np.asarray(beyond <= 0, np.float32)
    return np.asarray(0.5 + 0.5 * np.cos(np.pi * np.clip(beyond / soft_px, 0, 1)), np.float32)


def normalise_crops(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Take a plane out of each crop, bring its background to mean 0 and deviation 1, and tame what is loud.

    A crop whose particle has far more contrast than most would own an average alone; it is brought down to
    1.5 times the usual.

    Parameters
    ----------
    images : ndarray of float32, shape (N, BOX_PX, BOX_PX)

    Returns
    -------
    ndarray of float32, shape (N, BOX_PX, BOX_PX)
    """
    if not len(images):
        return images
    outside = disc(_BACKGROUND_DIAMETERS * DIAMETER_PX) == 0
    place = (np.arange(BOX_PX) - BOX_PX // 2) / BOX_PX
    plane = np.stack([np.ones((BOX_PX, BOX_PX)), *np.broadcast_arrays(place[:, None], place[None])]).astype(
        np.float32
    )
    fit = np.linalg.pinv(plane[:, outside].T.astype(np.float64)).astype(np.float32)  # (3, outside)
    flat: NDArray[np.float32] = images - np.einsum("nk,kij->nij", images[:, outside] @ fit.T, plane)
    spread = flat[:, outside].std(axis=1)
    flat /= np.maximum(spread, 1e-3 * max(float(np.median(spread)), 1e-6))[:, None, None]
    np.clip(flat, -_CLIP, _CLIP, out=flat)
    loud = flat.std(axis=(1, 2))
    flat /= np.maximum(1, loud / max(_LOUD * float(np.median(loud)), 1e-6))[:, None, None]
    return flat
