"""Pictures of the window for the docs, as small as they can be read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

WIDTH, COLOURS, GREYS = 1190, 48, 12
ANIMATION_WIDTH = 952


def save_for_guide(shot: Path, picture: Path) -> None:
    """Save a picture of the window for the docs."""
    _few_colours(shot, WIDTH).save(picture, optimize=True)


def save_animation(frames: Mapping[Path, int], picture: Path) -> None:
    """Save pictures of the window as one GIF that begins again; `frames` says how long each shows, ms."""
    first, *others = (_few_colours(shot, ANIMATION_WIDTH) for shot in frames)
    first.save(picture, save_all=True, append_images=others, duration=list(frames.values()), loop=0)


def _few_colours(shot: Path, width: int) -> Image.Image:
    """Return a picture at a width, pixels, with few greys of the micrograph: noise packs badly."""
    with Image.open(shot) as image:
        size = (width, round(width * image.height / image.width))
        pixels = np.asarray(image.convert("RGB").resize(size, Image.Resampling.BILINEAR))
    grey = np.ptp(pixels, axis=-1) <= 3
    rest = Image.fromarray(pixels[~grey][None]).quantize(COLOURS, Image.Quantize.FASTOCTREE)
    numbers = np.empty(grey.shape, np.uint8)
    numbers[grey] = np.rint(pixels[grey][:, 0] / 255 * (GREYS - 1))
    numbers[~grey] = GREYS + np.asarray(rest)[0]
    few = Image.fromarray(numbers, "P")
    few.putpalette([*np.linspace(0, 255, GREYS).round().astype(int).repeat(3), *rest.getpalette()])
    return few
