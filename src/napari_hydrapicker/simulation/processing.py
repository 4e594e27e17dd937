"""What is done to an image after the detector: binning, filters, denoising, few grey levels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from napari_hydrapicker.simulation.conditions import Conditions
from napari_hydrapicker.simulation.projection import gaussian_blur

_LEFT = 0.05  # of the noise that a denoiser took away
_EDGE = 0.03  # width of a cut-off, cycles per pixel


def processed(image: Tensor, c: Conditions, diameter_px: float) -> Tensor:
    """Process an image (H, W) as the conditions say; lengths in working pixels are 1 / 21 of the diameter."""
    wpx = diameter_px / 21
    if c.lowpass_wpx > 0:
        image = gaussian_blur(image, c.lowpass_wpx * wpx)
    if c.highpass_wpx > 0:
        image = image - gaussian_blur(image, c.highpass_wpx * wpx)
    if c.cutoff > 0:
        image = _cut_off(image, c.cutoff / wpx)
    if c.median:
        image = _median(image)
    if c.smoothing_wpx > 0:
        floor = _LEFT * (image - gaussian_blur(image, 1.0))  # a denoiser leaves a little of the noise
        image = gaussian_blur(image, c.smoothing_wpx * wpx) + floor
    if c.grey_levels > 0:
        step = image.std() / c.grey_levels
        image = (image / step).round() * step
    return -image if c.inverted else image


def _cut_off(image: Tensor, frequency: float) -> Tensor:
    """Leave nothing beyond a frequency in cycles per pixel but a thousandth, with a soft edge."""
    rows = torch.fft.fftfreq(image.shape[0])[:, None]
    radius = torch.hypot(rows, torch.fft.rfftfreq(image.shape[1])[None])
    kept = torch.sigmoid((frequency - radius) / (_EDGE / 4)).clamp(min=1e-3)
    filtered: Tensor = torch.fft.irfft2(torch.fft.rfft2(image) * kept, s=image.shape)
    return filtered


def _median(image: Tensor) -> Tensor:
    padded = functional.pad(image[None, None], (1, 1, 1, 1), mode="reflect")
    windows = functional.unfold(padded, 3)  # (1, 9, H W)
    return windows.median(dim=1).values.view(image.shape)
