"""Picks from files into dictionaries, back into files, and from one program's format into another's.

`read_picks`, `write_picks` and `convert` are what a notebook calls. The steps that they consist of, which
`hydrapicker convert` takes one by one to report on each, are `NamedPicks`.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from napari_hydrapicker.errors import CoordinateFileError, MicrographError, ParameterError
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.io.coordinates.base import stem_of_picks_file
from napari_hydrapicker.io.coordinates.folder import Key, LeftOutWarning, ShapeIndex, scan_folder
from napari_hydrapicker.io.coordinates.frame_check import Reading, check_frame
from napari_hydrapicker.io.lists import MicrographsLike, open_given
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.io.names import Match, distinct_names, match_names
from napari_hydrapicker.io.relion_names import name_here, relion_project
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.wording import first_of, shortened

_FORMAT_OF = {".star": "star", ".box": "box", ".cbox": "cbox", ".txt": "topaz", ".csv": "csv", ".cs": "cs"}


class FrameWarning(UserWarning):
    """The micrographs say that positions are meant in another way than they were read."""


def format_for(out: Path, n_micrographs: int) -> str | None:
    """Name of the format to write by a file's extension; None where that does not tell, as for a folder."""
    name = None if os.path.isdir(out) else _FORMAT_OF.get(out.suffix.lower())
    return "star-particles" if name == "star" and n_micrographs > 1 else name


def match_picks(picks: Mapping[Key, Picks], known: Sequence[Micrograph]) -> Match[Key, int]:
    """Find the micrographs, by their index, that picks belong to.

    Raises
    ------
    ParameterError
        If it cannot be told which belong together.
    """
    found = match_names({key: key.path for key in picks}, {i: one.full_name for i, one in enumerate(known)})
    found.check_unambiguous("picks", "micrographs")
    return found


@dataclass(frozen=True)
class NamedPicks:
    """Picks by the name that each micrograph goes by in what is written.

    Attributes
    ----------
    picks : mapping of name to Picks
        Centres in micrograph pixels.
    shapes : mapping of name to (int, int)
        Rows and columns of the micrographs, where they are known.
    names : mapping of name to str
        What tables call the micrographs, where that is another name.
    micrographs : mapping of name to Micrograph
        Those that are at hand.
    """

    picks: Mapping[str, Picks]
    shapes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    micrographs: Mapping[str, Micrograph] = field(default_factory=dict)

    @classmethod
    def by_files(cls, picks: Mapping[Key, Picks], shape: tuple[int, int] | None = None) -> Self:
        """Name micrographs as the files do, with as many folders as tell those of one name apart."""
        names = distinct_names([key.label for key in picks])
        named = dict(zip(names, picks.values(), strict=True))
        return cls(named, {} if shape is None else dict.fromkeys(named, shape))

    @classmethod
    def by_micrographs(cls, pairs: Sequence[tuple[Picks, Micrograph]]) -> Self:
        """Name micrographs as they are called themselves, in tables as RELION knows them."""
        return cls(
            {one.name: picks for picks, one in pairs},
            {one.name: one.shape for _, one in pairs},
            {one.name: name_here(one) for _, one in pairs if one.image is None},
            {one.name: one for _, one in pairs},
        )

    @property
    def samples(self) -> list[tuple[Micrograph, Picks]]:
        """The micrographs that are at hand, each with its picks."""
        return [(one, self.picks[name]) for name, one in self.micrographs.items()]

    def without_shape(self) -> str | None:
        """Name of a micrograph of unknown size, None if there is none."""
        return next((name for name in self.picks if name not in self.shapes), None)

    def without_box(self) -> str | None:
        """Name of a micrograph whose picks state no diameter to take a box from, None if there is none."""
        return next((name for name, one in self.picks.items() if len(one) and one.diameter_px is None), None)

    def read_as(self, reading: Reading, threshold: float | None = None) -> Self:
        """Return the same with positions read in some way, and picks of a lower score left out."""
        read = {name: reading.apply(one, self.shapes.get(name, (0, 0))) for name, one in self.picks.items()}
        if threshold is not None:
            read = {name: one.above(threshold) for name, one in read.items()}
        return type(self)(read, self.shapes, self.names, self.micrographs)

    def write(
        self, out: Path, format: str, *, box_px: int | None = None, overwrite: bool = False
    ) -> list[Path]:
        """Write all into a folder, or into one file; returns the files. See `coordinates.write`."""
        return formats.write(
            dict(self.picks), out, format, overwrite=overwrite, box_px=box_px, shapes=self.shapes,
            micrograph_names=self.names, project_dir=relion_project(out.absolute()),
        )  # fmt: skip


def read_picks(
    path: str | os.PathLike[str],
    micrographs: MicrographsLike | None = None,
    *,
    format: str | None = None,
    shape: tuple[int, int] | None = None,
    flip_y: bool = False,
    swap: bool = False,
    scale: float = 1.0,
) -> dict[str, Picks]:
    """Read the picks in a coordinate file, or in all of a folder and its sub-folders.

    Parameters
    ----------
    path : path
        RELION STAR, EMAN box, crYOLO cbox, Topaz, cryoSPARC ``.cs``, CSV, and some more: recognised by
        content.
    micrographs : Micrograph, path, or a sequence of them, optional
        Those that picks are wanted of; folders, patterns and RELION's or cryoSPARC's lists name several.
        Picks are matched with them by name, and held against the images: a `FrameWarning` tells where
        another reading fits clearly better.
    format : str, optional
        Of the files, if their content shall not decide.
    shape : (int, int), optional
        Rows and columns of all micrographs, where these are not given and a format counts y from the other
        edge.
    flip_y, swap : bool
        Positions count y from the other edge; x and y are exchanged.
    scale : float
        Factor on all positions: 4 if they were made on images binned by 4.

    Returns
    -------
    dict of str to Picks
        By the micrographs' names, without folders and extensions.

    Raises
    ------
    CoordinateFileError
        If a file is missing, damaged, or holds no positions.
    ParameterError
        If a parameter is out of its range, or it cannot be told which picks belong to which micrograph.

    Warns
    -----
    LeftOutWarning
        If a file, or picks of a micrograph that is not among `micrographs`, are left out.

    Examples
    --------
    >>> picks = read_picks("picks", "micrographs/*.mrc")  # doctest: +SKIP
    >>> picks["grid1_0001"].yx  # doctest: +SKIP
    """
    reading = _reading(flip_y, swap, scale)
    return dict(_read(Path(path), open_given(micrographs), format, shape, reading).read_as(reading).picks)


def write_picks(
    picks: Picks | Mapping[str, Picks],
    out: str | os.PathLike[str],
    format: str | None = None,
    micrographs: MicrographsLike | None = None,
    *,
    box_px: int | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Write picks for another program; each file appears whole or not at all.

    Parameters
    ----------
    picks : Picks, or mapping of str to Picks
        Of one micrograph, or of several by their names, as `read_picks` returns them.
    out : path
        A folder, or a file.
    format : str, optional
        "star", "star-combined", "star-particles", "box", "cbox", "topaz", "cs", "csv" or "cryoppp"; by
        default by the extension of `out`.
    micrographs : Micrograph, path, or a sequence of them, optional
        Tell their names and sizes. Picks of one micrograph that are written into a folder need it.
    box_px : int, optional
        Side of the boxes to write, micrograph pixels; by default the picks' diameter.
    overwrite : bool
        Replace files that exist.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    ParameterError
        If a parameter is missing for the format, or there is no such format.
    CoordinateFileError
        If a file exists or cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> picks = Picks([[120.0, 30.5], [60.25, 99.0]], diameter_px=40)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = write_picks(picks, f"{folder}/grid1_0001.star")
    ...     read_picks(files[0])["grid1_0001"].yx.tolist()
    [[120.0, 30.5], [60.25, 99.0]]
    """
    out, known = Path(out), open_given(micrographs)
    named = _one(picks, out, known) if isinstance(picks, Picks) else _several(picks, known)
    return _write(named, out, format, box_px, overwrite)


def convert(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    format: str | None = None,
    micrographs: MicrographsLike | None = None,
    *,
    source_format: str | None = None,
    shape: tuple[int, int] | None = None,
    flip_y: bool = False,
    swap: bool = False,
    scale: float = 1.0,
    threshold: float | None = None,
    box_px: int | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Convert coordinate files from one program's format into another's.

    Parameters
    ----------
    source : path
        A coordinate file, or a folder of them.
    out : path
        A file, or a folder.
    format : str, optional
        To write, by default by the extension of `out`: see `write_picks`.
    micrographs : Micrograph, path, or a sequence of them, optional
        Tell the names that RELION knows, sizes, and whether the positions fit: see `read_picks`. Picks of
        others are left out.
    source_format, shape, flip_y, swap, scale
        How to read `source`: see `read_picks`.
    threshold : float, optional
        Leave out picks of a lower score; those without a score stay.
    box_px, overwrite
        See `write_picks`.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    CoordinateFileError, ParameterError
        As `read_picks` and `write_picks`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     star = write_picks(Picks([[120.0, 30.0]], diameter_px=40), f"{folder}/grid1_0001.star")[0]
    ...     convert(star, f"{folder}/grid1_0001.box", box_px=40)[0].read_text().split()
    ['10', '100', '40', '40']
    """
    if threshold is not None and not math.isfinite(threshold):
        raise ParameterError(f"`threshold`: {threshold} is not a number")
    out, reading = Path(out), _reading(flip_y, swap, scale)
    named = _read(Path(source), open_given(micrographs), source_format, shape, reading)
    return _write(named.read_as(reading, threshold), out, format, box_px, overwrite)


def _reading(flip_y: bool, swap: bool, scale: float) -> Reading:
    if not (math.isfinite(scale) and 1e-3 <= scale <= 1e3):
        raise ParameterError(f"`scale`: {scale:g} is not a factor from 0.001 to 1000")
    return Reading(flip_y, swap, scale)


def _read(
    path: Path, known: list[Micrograph], format: str | None, shape: tuple[int, int] | None, reading: Reading
) -> NamedPicks:
    readable = [*formats.FORMATS, *formats.READ_ONLY]
    if format is not None and format not in readable:
        raise ParameterError(f"`format`: {format!r} is not one of {', '.join(readable)}")
    sizes = ShapeIndex({one.full_name: one.shape for one in known})
    content = scan_folder(path, format, lambda name: sizes(name) or shape)
    if content.problems:
        raise CoordinateFileError(first_of(content.problems))
    for line in content.left_out:
        warnings.warn(f"left out: {line}", LeftOutWarning, stacklevel=4)
    if not known:
        named = NamedPicks.by_files(content.picks, shape)
    else:
        match = match_picks(content.picks, known)
        if not match.pairs:
            raise ParameterError(
                f"`micrographs`: none of {shortened(one.name for one in known)} has the name of picks, which "
                f"are those of {shortened(key.label for key in content.picks)}: {path}"
            )
        for line in match.skipped("picks", "micrographs", both=False):
            warnings.warn(line, LeftOutWarning, stacklevel=4)
        named = NamedPicks.by_micrographs([(content.picks[key], known[i]) for key, i in match.pairs])
        _check_frame(path, named, reading)
    if reading.flip_y and (unsized := named.without_shape()) is not None:
        raise ParameterError(f"`flip_y`: needs the height of {unsized}; give micrographs, or their shape")
    return named


def _check_frame(path: Path, named: NamedPicks, reading: Reading) -> None:
    """Warn where the images say that the positions are meant otherwise; it shall stop nothing."""
    try:
        check = check_frame(named.samples, reading)
    except MicrographError as error:
        warnings.warn(
            f"{path}: the positions were not held against the micrographs ({error})", FrameWarning, 5
        )
        return
    if check is not None and check.doubtful:
        best = check.best
        wanted = {"flip_y": best.flip_y, "swap": best.swap, "scale": best.scale}
        how = ", ".join(f"{name}={value}" for name, value in wanted.items())
        warnings.warn(f"{path}: {check.message(f'give {how}')}", FrameWarning, stacklevel=5)


def _one(picks: Picks, out: Path, known: list[Micrograph]) -> NamedPicks:
    if len(known) > 1:
        raise ParameterError(
            f"`micrographs`: {len(known)} for the picks of one; give that one, or picks as {{name: picks}}"
        )
    if known:
        return NamedPicks.by_micrographs([(picks, known[0])])
    if os.path.isdir(out) or out.suffix.lower() not in formats.EXTENSIONS:
        raise ParameterError(
            f"`micrographs`: files in a folder are named after them; give the micrograph, or picks as "
            f"{{name: picks}}: {out}"
        )
    return NamedPicks({stem_of_picks_file(out): picks})


def _several(picks: Mapping[str, Picks], known: list[Micrograph]) -> NamedPicks:
    if not known:
        return NamedPicks(picks)
    match = match_names({name: name for name in picks}, {i: one.full_name for i, one in enumerate(known)})
    match.check_unambiguous("picks", "micrographs")
    if match.left_only:
        raise ParameterError(f"`micrographs`: none of them is called {shortened(match.left_only)}")
    return NamedPicks.by_micrographs([(picks[name], known[i]) for name, i in match.pairs])


def _write(
    named: NamedPicks, out: Path, format: str | None, box_px: int | None, overwrite: bool
) -> list[Path]:
    if not named.picks:
        raise ParameterError("`picks`: there are none to write")
    target = format or format_for(out, len(named.picks))
    if target not in formats.FORMATS:
        known = ", ".join(formats.FORMATS)
        what = f"{out} does not tell which" if target is None else f"{target!r} is not one of them"
        raise ParameterError(f"`format`: give one of {known}; {what}")
    if formats.FORMATS[target].needs_box and box_px is None and (unsized := named.without_box()) is not None:
        raise ParameterError(
            f"`box_px`: {target} needs a box size in pixels, and {unsized} has none; give one"
        )
    return named.write(out, target, box_px=box_px, overwrite=overwrite)
