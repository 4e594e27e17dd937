"""Rings around particles and a legend, drawn on pictures with smooth edges."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
_SUPERSAMPLING = 3


@dataclass(frozen=True)
class Ring:
    """One circle to draw: centre and radius in pixels of the picture."""

    row: float
    col: float
    radius: float
    colour: Colour
    dashed: bool = False


@dataclass(frozen=True)
class Entry:
    """One part of the legend."""

    text: str
    colour: Colour | None = None
    dashed: bool = False


def to_picture(
    rings: Sequence[Ring], shape: tuple[int, ...], picture_shape: tuple[int, int]
) -> Iterator[Ring]:
    """Bring rings from the micrograph's pixels to the picture's."""
    by_row, by_col = picture_shape[0] / shape[0], picture_shape[1] / shape[1]
    for ring in rings:
        row, col = (ring.row + 0.5) * by_row - 0.5, (ring.col + 0.5) * by_col - 0.5
        yield Ring(row, col, ring.radius * (by_row + by_col) / 2, ring.colour, ring.dashed)


def ring_layer(rings: Iterator[Ring], size: tuple[int, int]) -> Image.Image:
    """Draw rings on a transparent layer, several times as large, and scale that down: smooth edges."""
    factor = _SUPERSAMPLING
    layer = Image.new("RGBA", (size[0] * factor, size[1] * factor), (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    for ring in rings:
        _draw_ring(draw, ring, factor)
    return layer.resize(size, Image.Resampling.BOX)


def _draw_ring(draw: ImageDraw.ImageDraw, ring: Ring, factor: int) -> None:
    x, y = ((c + 0.5) * factor - 0.5 for c in (ring.col, ring.row))
    width = round(factor * min(3.0, max(1.5, ring.radius / 12)))
    radius = ring.radius * factor + width / 2  # PIL draws a line inwards from the outline
    box = tuple(map(round, (x - radius, y - radius, x + radius, y + radius)))
    if not ring.dashed:
        draw.ellipse(box, outline=(*ring.colour, 255), width=width)
        return
    dashes = max(6, min(24, round(ring.radius / 2)))
    for start in np.arange(dashes) * (360 / dashes):
        draw.arc(box, start, start + 200 / dashes, fill=(*ring.colour, 255), width=width)


def with_legend(picture: Image.Image, legend: Sequence[Entry]) -> Image.Image:
    """Add a line below the picture; the text shrinks until it fits its width."""
    size = max(10, min(28, picture.width // 40))
    while True:
        strip = _legend_line(legend, size)
        if strip.width <= picture.width or size <= 6:
            break
        size -= 1
    whole = Image.new("RGB", (picture.width, picture.height + strip.height))
    whole.paste(picture, (0, 0))
    whole.paste(strip, (0, picture.height))
    return whole


def _legend_line(legend: Sequence[Entry], size: int) -> Image.Image:
    font = ImageFont.load_default(size)
    lengths = [font.getlength(entry.text) for entry in legend]
    mark = [1.4 * size if entry.colour else 0.0 for entry in legend]
    width = sum(lengths) + sum(mark) + size * (len(legend) + 1)
    height = round(1.8 * size)
    strip = Image.new("RGB", (math.ceil(width), height))
    draw, x = ImageDraw.Draw(strip), float(size)
    for entry, length, room in zip(legend, lengths, mark, strict=True):
        if entry.colour:
            ring = Ring(height / 2, x + size / 2, 0.42 * size, entry.colour, entry.dashed)
            strip.paste(*_mark(ring, strip.size))
        draw.text((x + room, height / 2), entry.text, fill=(235, 235, 235), font=font, anchor="lm")
        x += room + length + size
    return strip


def _mark(ring: Ring, size: tuple[int, int]) -> tuple[Image.Image, tuple[int, int], Image.Image]:
    layer = ring_layer(iter([ring]), size)
    return layer.convert("RGB"), (0, 0), layer.getchannel("A")
