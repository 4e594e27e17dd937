"""TIFF micrographs: single grey images of 8 to 64 bits, memory-mapped where they are stored plainly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_hydrapicker.errors import MicrographError
from napari_hydrapicker.readers.common import FileInfo, check_shape, movie_error, plausible_pixel_size

_EER_COMPRESSIONS = (65000, 65001, 65002)
_DECODED_BY_PILLOW = (5, 7)  # LZW, JPEG
_UNIT_ANGSTROM = {2: 2.54e8, 3: 1e8}  # ResolutionUnit: inch, centimetre


def eer_error(path: Path) -> MicrographError:
    """Build the error for electron-event recordings, which are movies."""
    return MicrographError(
        f"{path}: an EER movie of single electron events: correct its motion and sum it first "
        "(for instance with RELION or MotionCor3), then pick on the sum"
    )


def probe(path: Path) -> FileInfo:
    """Read a TIFF file's tags.

    Raises
    ------
    MicrographError
        If the file is damaged, a movie, an EER recording or not a grey image.
    """
    with _page(path) as page:
        rows, cols = page.shape
        return FileInfo((rows, cols), _pixel_size(page))


def read(path: Path, frame: int = 0) -> NDArray[Any]:
    """Return the pixels, shape (H, W); memory-mapped if they are uncompressed and in one piece.

    Raises
    ------
    MicrographError
        As `probe`, and if the pixels cannot be decoded.
    """
    with _page(path) as page:
        dtype = page.dtype.newbyteorder(page.parent.byteorder)
        if page.is_memmappable:
            return np.memmap(path, dtype, "r", page.dataoffsets[0], page.shape).view(np.ndarray)
        if int(page.compression) in _DECODED_BY_PILLOW:
            return _decode(path, page)
        pixels: NDArray[Any] = page.asarray(maxworkers=1)
        return pixels


def _decode(path: Path, page: Any) -> NDArray[Any]:
    """Decode what tifffile leaves to the package imagecodecs."""
    from PIL import Image

    with Image.open(path, formats=("TIFF",)) as image:
        pixels = np.array(image)
    if pixels.shape != page.shape or pixels.dtype.kind != page.dtype.kind:
        raise MicrographError(
            f"{path}: {page.dtype} in {page.compression.name} compression is not read; "
            "save it uncompressed or as MRC"
        )
    return pixels


@contextmanager
def _page(path: Path) -> Iterator[Any]:
    """Open the file's only page, checked; whatever tifffile trips over becomes our own error."""
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            yield _checked_page(path, file)
    except MicrographError:
        raise
    except Exception as error:  # a damaged file makes tifffile raise almost anything
        if "imagecodecs" in str(error):
            raise MicrographError(
                f"{path}: its compression is not read ({error}): install that, or save it uncompressed "
                "or as MRC"
            ) from error
        raise MicrographError(f"{path}: not a readable TIFF file ({error})") from error


def _checked_page(path: Path, file: Any) -> Any:
    if not len(file.pages):
        raise MicrographError(f"{path}: the TIFF file holds no image")
    page = file.pages[0]
    if int(page.compression) in _EER_COMPRESSIONS:
        raise eer_error(path)
    if len(file.pages) > 1:
        raise movie_error(path, len(file.pages))
    if len(page.shape) != 2 or page.dtype is None or page.dtype.kind not in "iuf":
        raise MicrographError(
            f"{path}: not a grey image (shape {page.shape}, type {page.dtype}); save it as 2-D grey levels"
        )
    check_shape(path, *page.shape)
    stored = sum(page.databytecounts)
    segments = zip(page.dataoffsets, page.databytecounts, strict=True)
    end = max((start + size for start, size in segments), default=0)
    plain_bytes = page.shape[0] * page.shape[1] * page.bitspersample // 8
    # No compressor shrinks a micrograph's noise a thousandfold: more is a damaged header.
    expected = plain_bytes if int(page.compression) == 1 else max(1, plain_bytes // 1000)
    if end > path.stat().st_size or stored < expected:
        raise MicrographError(f"{path}: truncated, some of its pixels are missing; copy or export it again")
    return page


def _pixel_size(page: Any) -> float | None:
    """Angstrom per pixel from the resolution tags, if they can be a micrograph's (72 dpi cannot)."""
    unit, resolution = page.tags.get("ResolutionUnit"), page.tags.get("XResolution")
    if unit is None or resolution is None or int(unit.value) not in _UNIT_ANGSTROM:
        return None
    numerator, denominator = resolution.value
    if not numerator:
        return None
    return plausible_pixel_size(_UNIT_ANGSTROM[int(unit.value)] * denominator / numerator)
