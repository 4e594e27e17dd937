"""Micrographs: how large they are, and how to get at their pixels.

Opening reads the header only; `Micrograph.pixels` maps or reads the pixels when they are asked for. An image
that is in memory already can be a micrograph too.
"""

from __future__ import annotations

import hashlib
import math
import os
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_hydrapicker.errors import MicrographError, ParameterError, check_positive
from napari_hydrapicker.io import mrc, raster, tiff
from napari_hydrapicker.io.edited_mask import EditedMask
from napari_hydrapicker.io.image_info import (
    MAX_FRAME_PIXELS,
    MAX_SIDE_PX,
    FileInfo,
    ListedFigures,
    MicrographWarning,
    plausible_pixel_size,
)
from napari_hydrapicker.io.names import distinct_names, micrograph_stem
from napari_hydrapicker.wording import counted

__all__ = [
    "ImageLayer",
    "Micrograph",
    "MicrographLike",
    "MicrographWarning",
    "as_micrograph",
    "open_micrograph",
    "open_micrographs",
    "with_distinct_names",
]

_PART_BYTES = 1 << 24
_ANGSTROM_PER = {"angstrom": 1.0, "nanometer": 10.0, "micrometer": 1e4, "picometer": 0.01}

_TIFF_MAGICS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_NO_PIXEL_SIZE = "the file states no pixel size"
_PICTURE_MAGICS = (b"\x89PNG", b"\xff\xd8\xff")


@dataclass(frozen=True)
class Micrograph:
    """One micrograph: in a file, as `open_micrograph` returns it, or in memory, as `from_array` does.

    Attributes
    ----------
    path : Path
        The file; of an image in memory its name.
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
    figures : ListedFigures or None
        What the list that named it states of its image; None where none did.
    image : ndarray or None
        The pixels, shape `shape`, of an image in memory; None for a file.
    """

    # How pydantic reads one in a request; this module does without it.
    __pydantic_config__: ClassVar[dict[str, Any]] = {"arbitrary_types_allowed": True, "extra": "forbid"}

    path: Path
    shape: tuple[int, int]
    pixel_size_angstrom: float | None
    frame: int = 0
    n_frames: int = 1
    folder: str = ""
    mask: EditedMask | None = None
    figures: ListedFigures | None = field(default=None, compare=False)
    image: NDArray[Any] | None = field(default=None, repr=False, compare=False)

    @classmethod
    def from_array(
        cls, image: ArrayLike, pixel_size_angstrom: float | None = None, name: str = "array"
    ) -> Micrograph:
        """Make a micrograph of an image in memory. The pixels are not copied.

        Parameters
        ----------
        image : array_like, shape (H, W)
            Real numbers of any type; row 0 is the first row of the micrograph.
        pixel_size_angstrom : float, optional
            Angstrom per pixel.
        name : str
            What results, tables and messages call it. Give each of several micrographs its own.

        Raises
        ------
        MicrographError
            If the image is not two-dimensional, not grey, or too large.
        ParameterError
            If the pixel size is not a positive number, or the name is no file's name.

        Examples
        --------
        >>> import numpy as np
        >>> micrograph = Micrograph.from_array(np.zeros((300, 480)), pixel_size_angstrom=1.5, name="grid1")
        >>> micrograph.name, micrograph.shape
        ('grid1', (300, 480))
        """
        check_positive(pixel_size_angstrom=pixel_size_angstrom)
        if not micrograph_stem(name) or "/" in name or "\\" in name:
            raise ParameterError(
                f"`name`: {name!r} cannot name a micrograph; give something like 'grid1_0001'"
            )
        pixels = np.asarray(image)
        if pixels.ndim != 2:
            raise MicrographError(
                f"{name}: an array of shape {pixels.shape} is not one micrograph; give one of (rows, columns)"
            )
        if pixels.dtype.kind not in "buif":
            raise MicrographError(f"{name}: holds {pixels.dtype}, not grey levels; give real numbers")
        rows, cols = pixels.shape
        if min(rows, cols) < 1 or max(rows, cols) > MAX_SIDE_PX or rows * cols > MAX_FRAME_PIXELS:
            raise MicrographError(f"{name}: {rows} x {cols} pixels, which no micrograph has")
        pixels = pixels.view()
        pixels.flags.writeable = False
        made = cls(Path(name), (rows, cols), None, image=pixels)
        return made if pixel_size_angstrom is None else made.with_pixel_size(pixel_size_angstrom)

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
        if self.image is not None:
            return self.image
        info, reader = _probe(self.path)
        if self.frame >= info.n_frames:
            raise MicrographError(f"{self.path}: has no frame {self.frame + 1} any more")
        pixels: NDArray[Any] = reader.read(self.path, self.frame)
        if pixels.shape != self.shape:
            raise MicrographError(f"{self.path}: changed since it was opened; open it again")
        return pixels

    def why_no_pixel_size(self) -> str:
        """Say why its pixel size is not known, as the file has it: none is stated, or none that can be."""
        if self.image is not None:
            return "an image in memory has no pixel size of its own"
        try:
            info, _ = _probe(self.path)
        except MicrographError:
            return _NO_PIXEL_SIZE
        return info.refused_pixel_size or _NO_PIXEL_SIZE

    def checksum(self) -> str:
        """SHA-256, in hexadecimal, of the file, or of the pixels in memory: the same under any name.

        Raises
        ------
        MicrographError
            If the file cannot be read.
        """
        if self.image is not None:
            return hashlib.sha256(np.ascontiguousarray(self.image).data).hexdigest()
        digest = hashlib.sha256()
        try:
            with self.path.open("rb") as file:
                while part := file.read(_PART_BYTES):
                    digest.update(part)
        except OSError as error:
            raise MicrographError(f"{self.path}: cannot be read ({error.strerror or error})") from error
        return digest.hexdigest()

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


class ImageLayer(Protocol):
    """What is asked of napari's image layers, so that they can be picked without importing napari here."""

    name: str
    data: Any
    scale: Any
    metadata: dict[str, Any]


MicrographLike: TypeAlias = Micrograph | str | os.PathLike[str] | ImageLayer | ArrayLike
"""What is taken for a micrograph: an opened one, a file, an image layer of napari, or an array (H, W)."""


def as_micrograph(source: MicrographLike, pixel_size_angstrom: float | None = None) -> Micrograph:
    """Return anything that can be picked as a micrograph.

    Parameters
    ----------
    source : Micrograph, path, napari image layer, or array_like of shape (H, W)
        A layer states its pixel size in ``metadata["pixel_size_angstrom"]``, as those do that this plugin
        reads, or in its scale, if that has a unit of length.
    pixel_size_angstrom : float, optional
        Takes precedence over what the source states.

    Raises
    ------
    MicrographError
        If it is a file that cannot be opened, or no grey image of two dimensions.
    ParameterError
        If the pixel size is not a positive number.
    """
    check_positive(pixel_size_angstrom=pixel_size_angstrom)
    if isinstance(source, Micrograph):
        made = source
    elif isinstance(source, str | os.PathLike):
        made = open_micrograph(Path(source))
    elif all(hasattr(source, name) for name in ("data", "scale", "metadata", "name")):
        made = of_layer(source)
    else:
        made = Micrograph.from_array(source)  # type: ignore[arg-type]
    return made if pixel_size_angstrom is None else made.with_pixel_size(pixel_size_angstrom)


def of_layer(layer: Any, step: Sequence[int] | None = None) -> Micrograph:
    """Make a micrograph of what an image layer of napari shows.

    Parameters
    ----------
    layer : ImageLayer
        Of a pyramid the full resolution is taken.
    step : sequence of int, optional
        Where the viewer's sliders are: of a layer of more than two dimensions that plane is taken.

    Raises
    ------
    MicrographError
        If it is no image layer, is in colours, or is not one image.
    """
    name = str(layer.name)
    if getattr(layer, "rgb", None) is not False:  # points and shapes have data and a scale too
        what = "is in colours" if getattr(layer, "rgb", False) else "is no image layer"
        raise MicrographError(f"{name}: the layer {what}; a micrograph is a grey image")
    data = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    if data.ndim > 2 and step is not None:
        sliders = list(step)[-data.ndim : -2]
        data = data[tuple(min(int(at), size - 1) for at, size in zip(sliders, data.shape, strict=False))]
    if data.ndim != 2:
        raise MicrographError(
            f"{name}: the layer has shape {tuple(data.shape)}, which is not one micrograph; give one image "
            "of it, such as layer.data[0]"
        )
    file_name = "".join("-" if character in "/\\" else character for character in name)
    made = Micrograph.from_array(data, name=file_name if micrograph_stem(file_name) else "layer")
    sizes = pixel_sizes_of_layer(layer)
    known = sizes is not None and math.isclose(*sizes, rel_tol=0.01)
    return replace(made, pixel_size_angstrom=plausible_pixel_size(sizes[1]) if sizes and known else None)


def pixel_sizes_of_layer(layer: Any) -> tuple[float, float] | None:
    """Return height and width of a layer's pixels, Angstrom; None where it does not state them."""
    stated = layer.metadata.get("pixel_size_angstrom")
    if stated is not None:
        return float(stated), float(stated)
    units = [_ANGSTROM_PER.get(str(unit)) for unit in (getattr(layer, "units", None) or ())[-2:]]
    sizes = [
        float(size) * unit for size, unit in zip(layer.scale[-2:], units, strict=False) if unit is not None
    ]
    return (sizes[0], sizes[1]) if len(sizes) == 2 else None


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
    """Open a file that holds one micrograph. Only its header is read; pixels are when they are needed.

    Parameters
    ----------
    path : path
        MRC, TIFF, PNG or JPEG, recognised by content; MRC may be compressed.
    pixel_size_angstrom : float, optional
        Angstrom per pixel: takes precedence over what the file states.

    Returns
    -------
    Micrograph
        With its shape and pixel size; `Micrograph.pixels` reads it.

    Raises
    ------
    MicrographError
        As `open_micrographs`, and if the file is a stack of several.
    ParameterError
        If the pixel size is not a positive number.
    """
    micrographs = open_micrographs(path)
    if len(micrographs) > 1:
        raise MicrographError(
            f"{path}: a stack of {counted(len(micrographs), 'micrograph')}; open it as a stack"
        )
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
