"""Picking many micrographs into a folder: one bad file does not stop the others."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from napari_hydrapicker import formats
from napari_hydrapicker.errors import CoordinateFileError, HydraPickerError, MicrographError, ParameterError
from napari_hydrapicker.formats._format import WriteOptions
from napari_hydrapicker.micrograph import Micrograph, open_micrographs
from napari_hydrapicker.overlay import draw_overlay
from napari_hydrapicker.picking.earlier import Earlier
from napari_hydrapicker.picking.picker import Picker
from napari_hydrapicker.picking.rows import Row, write_summary
from napari_hydrapicker.picks import Picks


@dataclass(frozen=True)
class Settings:
    """How to pick, and what to write; lengths in Angstrom."""

    out: Path
    diameter_angstrom: float
    formats: tuple[str, ...] = ("star",)
    pixel_size_angstrom: float | None = None
    threshold: float = 0.5
    border_angstrom: float | None = None
    use_mask: bool = True
    overlay: bool = False
    overwrite: bool = False
    resume: bool = False

    @property
    def replaces(self) -> bool:
        """Whether files that exist may be replaced."""
        return self.overwrite or self.resume


def open_all(paths: Iterable[Path], listed: Iterable[Micrograph] = ()) -> tuple[list[Micrograph], list[Row]]:
    """Open files (headers only); return the micrographs, and a row for each that cannot be picked.

    Output files go by the micrograph's name: of two that share it the second is refused, unless both are
    one and the same file. `listed` are micrographs that are open already.
    """
    micrographs: dict[str, Micrograph] = {}
    bad: list[Row] = []
    for path in paths:
        try:
            opened = open_micrographs(path)
        except HydraPickerError as error:
            bad.append(Row(path.name, error=str(error)))
            continue
        bad += _add(opened, micrographs)
    bad += _add(listed, micrographs)
    return list(micrographs.values()), bad


def _add(opened: Iterable[Micrograph], micrographs: dict[str, Micrograph]) -> list[Row]:
    """Add micrographs under their names; return a row for each name that is taken."""
    bad: list[Row] = []
    for one in opened:
        other = micrographs.setdefault(one.name, one)
        if other is one or (one.frame == other.frame and os.path.samefile(one.path, other.path)):
            continue
        message = f"{one.path}: shares its name with {other.path}; pick it into another folder"
        bad.append(Row(one.path.name, error=message))
    return bad


def check_outputs(micrographs: Sequence[Micrograph], settings: Settings) -> None:
    """Find out before the work whether its results can be written.

    Raises
    ------
    CoordinateFileError
        If files to write exist and may not be replaced, or the folder cannot be made or written to.
    ParameterError
        If a format is not known.
    """
    unknown = [name for name in settings.formats if name not in formats.FORMATS]
    if unknown or not settings.formats:
        raise ParameterError(f"--format {','.join(unknown)}: choose from {', '.join(formats.FORMATS)}")
    try:
        settings.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise CoordinateFileError(f"{settings.out}: the folder cannot be made ({reason})") from error
    try:
        TemporaryFile(dir=settings.out).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise CoordinateFileError(
            f"{settings.out}: cannot be written to ({reason}); choose another folder"
        ) from error
    if settings.replaces:
        return
    present = [path for path in _targets(micrographs, settings) if path.exists()]
    if present:
        more = f" (and {len(present) - 1} more)" if len(present) > 1 else ""
        raise CoordinateFileError(
            f"{present[0]}{more} exists: give --resume to go on, --overwrite, or another --out"
        )


def _targets(micrographs: Sequence[Micrograph], settings: Settings) -> Iterator[Path]:
    yield settings.out / formats.PICKING_SUMMARY
    for name in settings.formats:
        main = formats.FORMATS[name].main
        if main is not None:
            yield settings.out / main
            continue
        nothing = {one.name: Picks.from_xy([], []) for one in micrographs}
        files = formats.FORMATS[name].encode(nothing, settings.out, WriteOptions())
        yield from (settings.out / file for file in files)
    if settings.overlay:
        yield from (_overlay_path(one, settings.out) for one in micrographs)


def pick_all(picker: Picker, micrographs: Sequence[Micrograph], settings: Settings) -> Iterator[Row]:
    """Pick micrographs one by one, writing each one's files at once; yields a row for each.

    To resume is to leave out those whose files are there, written in an earlier run with the same settings.

    Raises
    ------
    CoordinateFileError
        If an earlier run's table is damaged.
    """
    earlier = Earlier(settings.out, settings.formats) if settings.resume else None
    for micrograph in micrographs:
        done = None if earlier is None else _earlier_row(earlier, micrograph, settings)
        yield done or _row(picker, micrograph, settings)


def _earlier_row(earlier: Earlier, micrograph: Micrograph, settings: Settings) -> Row | None:
    pixel_size = settings.pixel_size_angstrom or micrograph.pixel_size_angstrom
    if pixel_size is None:
        return None
    also = [_overlay_path(micrograph, settings.out)] if settings.overlay else []
    picks = earlier.picks(micrograph.name, settings.diameter_angstrom / pixel_size, also)
    if picks is None:
        return None
    return Row(micrograph.name, pixel_size, picks, shape=micrograph.shape)


def _row(picker: Picker, micrograph: Micrograph, settings: Settings) -> Row:
    start = time.perf_counter()
    pixel_size = settings.pixel_size_angstrom or micrograph.pixel_size_angstrom
    try:
        picks = _pick_one(picker, micrograph, settings)
    except HydraPickerError as error:
        return Row(micrograph.name, pixel_size, None, time.perf_counter() - start, str(error))
    return Row(micrograph.name, pixel_size, picks, time.perf_counter() - start, shape=micrograph.shape)


def _pick_one(picker: Picker, micrograph: Micrograph, settings: Settings) -> Picks:
    pixel_size = settings.pixel_size_angstrom or micrograph.pixel_size_angstrom
    if pixel_size is None:
        raise MicrographError(f"{micrograph.path}: the file states no pixel size; give it with --pixel-size")
    picks = picker.pick_micrograph(
        micrograph, settings.diameter_angstrom, pixel_size, settings.border_angstrom, settings.use_mask
    ).above(settings.threshold)
    for name in settings.formats:
        if formats.FORMATS[name].main is None:
            formats.write({micrograph.name: picks}, settings.out, name, overwrite=settings.replaces)
    if settings.overlay:
        path = _overlay_path(micrograph, settings.out)
        draw_overlay(micrograph.pixels(), picks, settings.diameter_angstrom / pixel_size, path)
    return picks


def _overlay_path(micrograph: Micrograph, out: Path) -> Path:
    return out / f"{micrograph.name}_overlay.png"


def write_tables(rows: Sequence[Row], settings: Settings) -> None:
    """Write what holds all micrographs: the formats with one table for all, and the summary.

    Nothing is written where nothing was picked, so that a run that failed leaves nothing behind. A run
    that resumes keeps what the tables hold of other micrographs.

    Raises
    ------
    CoordinateFileError
        If a file cannot be written.
    """
    picks = {row.name: row.picks for row in rows if row.picks is not None}
    shapes = {row.name: row.shape for row in rows if row.shape is not None}
    if not picks:
        return
    before = Earlier(settings.out, settings.formats).tables if settings.resume else {}
    for name in settings.formats:
        if formats.FORMATS[name].main is not None:
            joined = before.get(name, {}) | picks
            formats.write(joined, settings.out, name, overwrite=settings.replaces, shapes=shapes)
    write_summary(rows, settings.out, keep_others=settings.resume)
