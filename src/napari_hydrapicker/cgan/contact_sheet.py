"""A picture of synthetic pairs side by side, to see at once whether they resemble the micrographs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_hydrapicker.cgan.synthesis import Pair
from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.evaluation.overlay import Colour, Entry, Ring, ring_layer, with_legend
from napari_hydrapicker.wording import counted

_SHAPES: Colour = (60, 220, 60)
_GAP = 4  # pixels between pictures


def draw_sheet(pairs: Sequence[Pair], path_png: str | Path) -> None:
    """Draw a row for each pair: the image, the same with rings around the shapes, and the truth.

    Parameters
    ----------
    pairs : sequence of Pair
        At least one, all of one shape.
    path_png : str or Path
        The file to write.

    Raises
    ------
    ParameterError
        If there are no pairs, or the file cannot be written.
    """
    if not pairs:
        raise ParameterError("a sheet needs at least one pair")
    rows, cols = pairs[0].image.shape
    sheet = Image.new("RGB", (3 * cols + 2 * _GAP, len(pairs) * (rows + _GAP) - _GAP))
    for number, pair in enumerate(pairs):
        plain = _grey(pair.image)
        rings = (
            Ring(y, x, size / 2 + 1, _SHAPES)
            for (y, x), size in zip(pair.yx.tolist(), pair.sizes_px.tolist(), strict=True)
        )
        ringed = Image.alpha_composite(plain, ring_layer(rings, plain.size))
        for column, picture in enumerate((plain, ringed, _grey(pair.truth))):
            sheet.paste(picture.convert("RGB"), (column * (cols + _GAP), number * (rows + _GAP)))
    count = sum(len(pair.yx) for pair in pairs)
    legend = [
        Entry("input"),
        Entry(counted(count, "shape"), _SHAPES),
        Entry("truth: black squares are the marks"),
    ]
    try:
        with_legend(sheet, legend).save(path_png, format="PNG")
    except OSError as error:
        raise ParameterError(f"{path_png}: cannot be written ({error.strerror or error})") from error


def _grey(image: NDArray[np.float32]) -> Image.Image:
    return Image.fromarray(np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8)).convert("RGBA")
