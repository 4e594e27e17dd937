"""Pictures of micrographs with the picks drawn on them, for reports and for a quick look.

Drawn by Pillow, in pixels of the picture. Matplotlib, which draws the plots, counts in points and inches, and
is no faster: 400 rings on 1600 pixels take it 1.2 CPU s, Pillow 1.0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.evaluation.matching import Criterion, match
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.wording import counted

Colour = tuple[int, int, int]
_SUPERSAMPLING = 3

FOUND: Colour = (60, 220, 60)
FALSE: Colour = (255, 60, 50)
MISSED: Colour = (0, 215, 255)
UNSCORED: Colour = (0, 215, 255)
# From the lowest score to the highest: purple, orange, yellow; told apart by colour-blind readers too.
_SCORE_COLOURS = np.array([(150, 60, 220), (225, 80, 140), (255, 150, 50), (255, 240, 60)], np.float64)
_BLUR_DIAMETERS = 0.025
_PERCENTILES = (1, 99)
_MAX_SAMPLED = 2_000_000


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


def draw_overlay(
    image: NDArray[np.generic],
    picks: Picks,
    diameter_px: float,
    path_png: str | Path | BinaryIO,
    truth: Picks | None = None,
    threshold: float = 0.0,
    max_side: int = 1600,
    criterion: Criterion = Criterion.IOU,
) -> None:
    """Draw a micrograph with circles around its picks, and write it as a PNG.

    With `truth`, found particles are green, false picks red, and missed particles dashed blue; without
    it, a pick's colour is its score. Below the picture stands a line with the counts. The grey levels
    are stretched between the 1st and 99th percentile after a light low-pass.

    Parameters
    ----------
    image : ndarray, shape (H, W)
        The micrograph, any real type; NaN and infinities are shown as the median.
    picks : Picks
        Picks in pixels of `image`.
    diameter_px : float
        Particle diameter in pixels of `image`: that of the circles.
    path_png : str, Path or binary file
        The file to write; its folder is made if it is missing.
    truth : Picks, optional
        True particles, in pixels of `image`.
    threshold : float
        Picks of a lower score are left out; those without a score stay.
    max_side : int
        The longer side of the picture; larger micrographs are scaled down by averaging, so that
        a coordinate c becomes ``(c + 0.5) * scale - 0.5``.
    criterion : Criterion
        What counts as found.

    Raises
    ------
    ParameterError
        If `image` is not two-dimensional, a size is out of range, or the file cannot be written.
    """
    if image.ndim != 2 or not image.size:
        raise ParameterError(f"an overlay needs one micrograph of shape (rows, columns), not {image.shape}")
    if not (math.isfinite(diameter_px) and diameter_px > 0) or max_side < 1:
        raise ParameterError(
            f"an overlay's particle diameter ({diameter_px} px) and size ({max_side} px) must be positive"
        )
    shown = picks.above(threshold)
    grey = _grey(image, max_side, diameter_px)
    if truth is None:
        rings, legend = _score_rings(shown, diameter_px)
    else:
        rings, legend = _truth_rings(shown, truth, diameter_px, criterion)
    scaled = to_picture(rings, image.shape, (grey.height, grey.width))
    picture = Image.alpha_composite(grey.convert("RGBA"), ring_layer(scaled, grey.size)).convert("RGB")
    try:
        # Micrographs of one name in two folders have their pictures in folders of the same names.
        if isinstance(path_png, str | Path):
            Path(path_png).parent.mkdir(parents=True, exist_ok=True)
        with_legend(picture, legend).save(path_png, format="PNG")
    except OSError as error:
        raise ParameterError(f"{path_png}: cannot be written ({error.strerror or error})") from error


def _grey(image: NDArray[np.generic], max_side: int, diameter_px: float) -> Image.Image:
    """Scale down by averaging, smooth, stretch the contrast: an 8-bit picture."""
    pixels = np.array(image, np.float32)
    finite = np.isfinite(pixels)
    if not finite.all():
        pixels[~finite] = np.median(pixels[finite]) if finite.any() else 0
    shrink = min(1.0, max_side / max(pixels.shape))
    rows, cols = (max(1, round(n * shrink)) for n in pixels.shape)
    small = np.asarray(Image.fromarray(pixels).resize((cols, rows), Image.Resampling.BOX))
    smooth = gaussian_filter(small, _BLUR_DIAMETERS * diameter_px * shrink)
    # Strips along the edges, filled in by other programs, shall not set the contrast.
    inner = smooth[rows // 10 : rows - rows // 10, cols // 10 : cols - cols // 10].ravel()
    low, high = np.percentile(inner[:: 1 + inner.size // _MAX_SAMPLED], _PERCENTILES)
    grey = (smooth - low) * (255 / (high - low if high > low else 1))
    return Image.fromarray(np.clip(np.rint(grey), 0, 255).astype(np.uint8))


def _truth_rings(
    picks: Picks, truth: Picks, diameter_px: float, criterion: Criterion
) -> tuple[list[Ring], list[Entry]]:
    matched = match(picks.yx, picks.score, truth.yx, diameter_px, criterion)
    missed = np.ones(len(truth), bool)
    missed[matched.truth_index[matched.is_true]] = False
    radius = diameter_px / 2
    rings = [Ring(y, x, radius, MISSED, dashed=True) for y, x in truth.yx[missed].tolist()]
    for (y, x), true in zip(picks.yx.tolist(), matched.is_true.tolist(), strict=True):
        rings.append(Ring(y, x, radius, FOUND if true else FALSE))
    n_found = int(matched.is_true.sum())
    legend = [
        Entry(f"found {n_found}", FOUND),
        Entry(f"false {len(picks) - n_found}", FALSE),
        Entry(f"missed {int(missed.sum())}", MISSED, dashed=True),
    ]
    return rings, legend


def _score_rings(picks: Picks, diameter_px: float) -> tuple[list[Ring], list[Entry]]:
    scored = ~np.isnan(picks.score)
    finite = picks.score[np.isfinite(picks.score)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0  # probabilities: a colour means the same in every picture
    colours = [
        score_colour(s, low, high) if ok else UNSCORED for s, ok in zip(picks.score, scored, strict=True)
    ]
    rings = [
        Ring(y, x, diameter_px / 2, colour) for (y, x), colour in zip(picks.yx.tolist(), colours, strict=True)
    ]
    legend = [Entry(counted(len(picks), "pick"))]
    if scored.any():
        legend += [Entry(f"score {s:.3g}", score_colour(s, low, high)) for s in (low, (low + high) / 2, high)]
    if not scored.all():
        legend.append(Entry(f"no score {int((~scored).sum())}", UNSCORED))
    return rings, legend


def score_colour(score: float, low: float, high: float) -> Colour:
    """Return the colour of a score in the range from `low` to `high`."""
    place = float(np.clip((score - low) / (high - low), 0, 1)) if high > low else 1.0
    steps = np.linspace(0, 1, len(_SCORE_COLOURS))
    red, green, blue = (round(float(np.interp(place, steps, channel))) for channel in _SCORE_COLOURS.T)
    return red, green, blue
