"""What a coordinate format is: how to recognise, read and write it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.picks import Picks

MAX_BOX_PX = 100_000
MAX_SIDE_PX = 1_000_000
ShapeOf = Callable[[str], "tuple[int, int] | None"]


@dataclass(frozen=True)
class WriteOptions:
    """What some formats need to know beyond the picks.

    Attributes
    ----------
    box_px : int or None
        Box side in micrograph pixels; by default the picks' diameter, rounded.
    shapes : mapping of micrograph name to (rows, columns)
        Sizes of the micrographs in pixels (cs, cryoppp).
    micrograph_names : mapping of micrograph name to the name to write
        E.g. the path in the RELION project; by default ``<name>.mrc``.
    project_dir : Path or None
        The RELION project that a combined STAR's paths are relative to; by default its own folder.
    """

    box_px: int | None = None
    shapes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    micrograph_names: Mapping[str, str] = field(default_factory=dict)
    project_dir: Path | None = None

    def __post_init__(self) -> None:
        if self.box_px is not None and not 1 <= self.box_px <= MAX_BOX_PX:
            raise ParameterError(f"box size {self.box_px} px: must be between 1 and {MAX_BOX_PX}")

    def box_of(self, micrograph: str, picks: Picks) -> int:
        """Return the box side in pixels for one micrograph.

        Raises
        ------
        ParameterError
            If neither a box size nor the particles' diameter is known.
        """
        if self.box_px is not None:
            return int(self.box_px)
        diameter = picks.diameter_px
        if diameter is None or not 0.5 <= diameter <= MAX_BOX_PX:
            raise ParameterError(
                f"this format needs a box size in pixels, and {micrograph} has none: give one"
            )
        return max(1, int(np.rint(diameter)))

    def shape_of(self, micrograph: str) -> tuple[int, int]:
        """Return the rows and columns of one micrograph.

        Raises
        ------
        ParameterError
            If they are not known.
        """
        shape = self.shapes.get(micrograph)
        if shape is None or min(shape) < 1 or max(shape) > MAX_SIDE_PX:
            raise ParameterError(
                f"this format needs the micrographs' size in pixels, and that of {micrograph} is not known: "
                "give "
                "the micrographs, or their size (--micrographs or --micrograph-shape)"
            )
        return shape

    def name_of(self, micrograph: str) -> str:
        """Return the name or path to write for a micrograph in tables that hold it with extension."""
        return self.micrograph_names.get(micrograph, f"{micrograph}.mrc")


@dataclass(frozen=True)
class ReadOnlyFormat:
    """A coordinate file format that is read and never written.

    Attributes
    ----------
    name, label : str
        The name in our interfaces, and what a person calls it.
    sniff : callable
        Tells by the first bytes of a file whether it is of this format.
    read : callable
        Returns the picks of each micrograph in a file, keyed by the micrograph's path without image
        extension.
    upside_down : bool
        Whether y counts from the other edge: row = height - y. `formats.read` turns it.
    """

    name: str
    label: str
    sniff: Callable[[bytes], bool]
    read: Callable[[Path], dict[str, Picks]]
    upside_down: bool = False


@dataclass(frozen=True)
class CoordinateFormat:
    """A coordinate file format that is read and written.

    Attributes
    ----------
    name, label, sniff, read, upside_down
        As of `ReadOnlyFormat`.
    extension : str
        Of the files that it writes, with the dot.
    encode : callable
        Returns the content of each file to write, keyed by its name; given the folder it will be in.
    main : str or None
        Name of the file that stands for all micrographs; None: there is one file a micrograph.
    needs_box : bool
        Whether writing needs a box size where the picks state no diameter.
    """

    name: str
    label: str
    extension: str
    sniff: Callable[[bytes], bool]
    read: Callable[[Path], dict[str, Picks]]
    encode: Callable[[dict[str, Picks], Path, WriteOptions], dict[str, bytes]]
    main: str | None = None
    needs_box: bool = False
    upside_down: bool = False
