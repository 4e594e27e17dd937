"""PNG and JPEG micrographs, turned to grey. They carry no pixel size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_hydrapicker.errors import MicrographError
from napari_hydrapicker.io.image_info import FileInfo, check_shape

_GREY_MODES = ("L", "I", "F", "I;16", "I;16B", "I;16L")


def probe(path: Path) -> FileInfo:
    """Read the header of a PNG or JPEG file.

    Raises
    ------
    MicrographError
        If the file is damaged.
    """
    with _image(path) as image:
        return FileInfo((image.height, image.width))


def read(path: Path, frame: int = 0) -> NDArray[Any]:
    """Return the grey levels, shape (H, W), of 8 bits (or 16 where the file has them).

    Raises
    ------
    MicrographError
        If the file is damaged or truncated.
    """
    with _image(path) as image:
        return np.array(image if image.mode in _GREY_MODES else image.convert("L"))


@contextmanager
def _image(path: Path) -> Iterator[Any]:
    from PIL import Image

    try:
        with Image.open(path, formats=("PNG", "JPEG")) as image:
            check_shape(path, image.height, image.width)
            yield image
    except MicrographError:
        raise
    except Exception as error:  # a damaged file makes Pillow raise almost anything
        raise MicrographError(f"{path}: not a readable PNG or JPEG file ({error})") from error
