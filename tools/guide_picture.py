"""Pictures of the window for the user's guide, as small as they can be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

WIDTH, COLOURS, GREYS = 1190, 48, 6


def save_for_guide(shot: Path, picture: Path, width: int = WIDTH, greys: int = GREYS) -> None:
    """Save a picture for the user's guide, with few greys of the micrograph: noise packs badly."""
    with Image.open(shot) as image:
        size = (width, round(width * image.height / image.width))
        pixels = np.asarray(image.convert("RGB").resize(size, Image.Resampling.BILINEAR))
    grey = np.ptp(pixels, axis=-1) <= 3
    rest = Image.fromarray(pixels[~grey][None]).quantize(COLOURS, Image.Quantize.FASTOCTREE)
    numbers = np.empty(grey.shape, np.uint8)
    numbers[grey] = np.rint(pixels[grey][:, 0] / 255 * (greys - 1))
    numbers[~grey] = greys + np.asarray(rest)[0]
    few = Image.fromarray(numbers, "P")
    few.putpalette([*np.linspace(0, 255, greys).round().astype(int).repeat(3), *rest.getpalette()])
    few.save(picture, optimize=True)
