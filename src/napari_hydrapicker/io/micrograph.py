"""Micrographs: how large they are, and how to get at their pixels.

Opening reads the header only; `Micrograph.pixels` maps or reads the pixels when they are asked for.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from numpy.typing import NDArray

from napari_hydrapicker.errors import MicrographError, ParameterError
from napari_hydrapicker.io import mrc, raster, tiff
from napari_hydrapicker.io.edited_mask import EditedMask
from napari_hydrapicker.io.image_info import FileInfo, MicrographWarning
from napari_hydrapicker.io.names import distinct_names, micrograph_stem

__all__ = ["Micrograph", "MicrographWarning", "open_micrograph", "open_micrographs", "with_distinct_names"]

_TIFF_MAGICS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_NO_PIXEL_SIZE = "the file states no pixel size"
_PICTURE_MAGICS = (b"\x89PNG", b"\xff\xd8\xff")


@dataclass(frozen=True)
class Micrograph:
    """One micrograph in a file.

    Attributes
    ----------
    path : Path
        The file.
    shape : (int, int)
        Rows and columns, pixels.
    pixel_size_angstrom : float or None
        None where neither the file nor the user states it.
    frame : int
        Index of the micrograph in a stack, from 0.
    n_frames : int
        Number of micrographs in the file; 1 unless it is an .mrcs stack.
    folder : str
        As many of its folders as tell it from other micrographs of its file name: part of its name; "" for
        none.
    mask : EditedMask or None
        What the user wants left out on it; None: whoever prepares it looks for that.
    """

    path: Path
    shape: tuple[int, int]
    pixel_size_angstrom: float | None
    frame: int = 0
    n_frames: int = 1
    folder: str = ""
    mask: EditedMask | None = None

    @property
    def name(self) -> str:
        """The file's name without its extensions, after `folder`; in stacks followed by the frame, from 1."""
        return f"{self.folder}/{self.stem}" if self.folder else self.stem

    @property
    def full_name(self) -> str:
        """The name after all its folders: what names are matched by."""
        return "/".join([*_folders(self.path), self.stem])

    @property
    def stem(self) -> str:
        """The name without any folder."""
        name = micrograph_stem(self.path.name) or self.path.name
        return f"{name}_{self.frame + 1:04d}" if self.n_frames > 1 else name

    def pixels(self) -> NDArray[Any]:
        """Return the pixels, shape `shape`, in the file's own type, memory-mapped where possible.

        Raises
        ------
        MicrographError
            If the file cannot be read, is truncated, or has changed since it was opened.
        """
        _, reader = _probe(self.path)
        pixels: NDArray[Any] = reader.read(self.path, self.frame)
        if pixels.shape != self.shape:
            raise MicrographError(f"{self.path}: changed since it was opened; open it again")
        return pixels

    def why_no_pixel_size(self) -> str:
        """Say why its pixel size is not known, as the file has it: none is stated, or none that can be."""
        try:
            info, _ = _probe(self.path)
        except MicrographError:
            return _NO_PIXEL_SIZE
        return info.refused_pixel_size or _NO_PIXEL_SIZE

    def with_pixel_size(self, angstrom: float) -> Micrograph:
        """Return the same micrograph with another pixel size, Angstrom.

        Raises
        ------
        ParameterError
            If it is not a positive number.
        """
        if not (math.isfinite(angstrom) and angstrom > 0):
            raise ParameterError(f"the pixel size must be a positive number of Angstrom, not {angstrom}")
        return replace(self, pixel_size_angstrom=float(angstrom))


def with_distinct_names(micrographs: Iterable[Micrograph]) -> list[Micrograph]:
    """Return micrographs, each file's once, with as many folders in their names as tell them apart.

    The same file name in two folders is two micrographs. Two files of one folder that differ in their
    extension alone keep one name.
    """
    every: dict[tuple[str, str, int], Micrograph] = {}
    for one in micrographs:
        # A link under its own name may be meant as another micrograph; under the same name it is the same
        # one.
        every.setdefault((one.stem, os.path.realpath(one.path), one.frame), one)
    names = distinct_names([one.full_name for one in every.values()])
    return [
        replace(one, folder=name.rpartition("/")[0]) for one, name in zip(every.values(), names, strict=True)
    ]


def _folders(path: Path) -> list[str]:
    """The folders of a file that can stand in a name."""
    return [part.strip() for part in path.absolute().parent.parts if part.strip(" /\\:.") and ":" not in part]


def open_micrographs(path: str | Path) -> list[Micrograph]:
    """Open a file: one micrograph, or one a frame of an .mrcs stack. The content tells the format.

    Raises
    ------
    MicrographError
        If the file is missing, damaged, truncated, or a movie, a tomogram or no image at all.

    Warns
    -----
    MicrographWarning
        If the file breaks its format's rules, but can be read.
    """
    micrographs, problems = open_with_problems(path)
    for problem in problems:
        warnings.warn(f"{path}: {problem}", MicrographWarning, stacklevel=2)
    return micrographs


def open_with_problems(path: str | Path) -> tuple[list[Micrograph], tuple[str, ...]]:
    """Open a file as `open_micrographs` does, and return what is wrong with it in place of warning of it."""
    path = Path(path)
    info, _ = _probe(path)
    micrographs = [
        Micrograph(path, info.shape, info.pixel_size_angstrom, frame, info.n_frames)
        for frame in range(info.n_frames)
    ]
    return micrographs, info.problems


def open_micrograph(path: str | Path, pixel_size_angstrom: float | None = None) -> Micrograph:
    """Open a file that holds one micrograph; a pixel size given here overrides the file's.

    Raises
    ------
    MicrographError
        As `open_micrographs`, and if the file is a stack of several.
    ParameterError
        If the pixel size is not a positive number.
    """
    micrographs = open_micrographs(path)
    if len(micrographs) > 1:
        raise MicrographError(f"{path}: a stack of {len(micrographs)} micrographs; open it as a stack")
    micrograph = micrographs[0]
    return micrograph if pixel_size_angstrom is None else micrograph.with_pixel_size(pixel_size_angstrom)


def _probe(path: Path) -> tuple[FileInfo, ModuleType]:
    """Read a file's header, and return it with the reader for its pixels."""
    if os.path.isdir(path):
        raise MicrographError(f"{path}: a folder, not a micrograph")
    if os.path.exists(path) and not os.path.isfile(path):  # to open a pipe would be to wait for ever
        raise MicrographError(f"{path}: a pipe or device, not a micrograph")
    if path.suffix.lower() == ".eer":
        raise tiff.eer_error(path)
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        lost = f"; it is a link to {os.readlink(path)}" if os.path.islink(path) else ""
        raise MicrographError(f"{path}: cannot be read ({error.strerror or error}{lost})") from error
    reader: ModuleType = mrc
    if magic in _TIFF_MAGICS:
        reader = tiff
    elif magic.startswith(_PICTURE_MAGICS):
        reader = raster
    return reader.probe(path), reader
