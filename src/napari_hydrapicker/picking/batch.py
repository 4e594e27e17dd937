"""Picking many micrographs into a folder: one bad file does not stop the others."""

from __future__ import annotations

import csv
import math
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
from napari_hydrapicker.picking.picker import Picker
from napari_hydrapicker.picks import Picks

SUMMARY = formats.PICKING_SUMMARY
SUMMARY_COLUMNS = (
    "micrograph",
    "picks",
    "mean_score",
    "pixel_size_angstrom",
    "rows",
    "columns",
    "seconds",
    "error",
)


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


@dataclass(frozen=True, eq=False)
class Row:
    """What became of one micrograph: its picks from the threshold on, or an error."""

    name: str
    pixel_size_angstrom: float | None = None
    picks: Picks | None = None
    seconds: float = math.nan
    error: str = ""
    shape: tuple[int, int] | None = None

    @property
    def mean_score(self) -> float:
        """Mean probability of the picks; NaN without picks."""
        return float(self.picks.score.mean()) if self.picks is not None and len(self.picks) else math.nan


def open_all(paths: Iterable[Path]) -> tuple[list[Micrograph], list[Row]]:
    """Open files (headers only); return the micrographs, and a row for each that cannot be picked.

    Output files go by the micrograph's name: of two that share it the second is refused.
    """
    micrographs: dict[str, Micrograph] = {}
    bad: list[Row] = []
    for path in paths:
        try:
            opened = open_micrographs(path)
        except HydraPickerError as error:
            bad.append(Row(path.name, error=str(error)))
            continue
        for one in opened:
            other = micrographs.setdefault(one.name, one)
            if other is not one:
                message = f"{path}: shares its name with {other.path}; pick it into another folder"
                bad.append(Row(path.name, error=message))
    return list(micrographs.values()), bad


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
    present = [path for path in _targets(micrographs, settings) if path.exists()]
    if present and not settings.overwrite:
        more = f" (and {len(present) - 1} more)" if len(present) > 1 else ""
        raise CoordinateFileError(f"{present[0]}{more} exists: give --overwrite or another --out")


def _targets(micrographs: Sequence[Micrograph], settings: Settings) -> Iterator[Path]:
    yield settings.out / SUMMARY
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
    """Pick micrographs one by one, writing each one's files at once; yields a row for each."""
    for micrograph in micrographs:
        start = time.perf_counter()
        pixel_size = settings.pixel_size_angstrom or micrograph.pixel_size_angstrom
        try:
            picks = _pick_one(picker, micrograph, settings)
        except HydraPickerError as error:
            seconds = time.perf_counter() - start
            yield Row(micrograph.name, pixel_size, None, seconds, str(error))
            continue
        yield Row(micrograph.name, pixel_size, picks, time.perf_counter() - start, shape=micrograph.shape)


def _pick_one(picker: Picker, micrograph: Micrograph, settings: Settings) -> Picks:
    pixel_size = settings.pixel_size_angstrom or micrograph.pixel_size_angstrom
    if pixel_size is None:
        raise MicrographError(f"{micrograph.path}: the file states no pixel size; give it with --pixel-size")
    picks = picker.pick_micrograph(
        micrograph, settings.diameter_angstrom, pixel_size, settings.border_angstrom, settings.use_mask
    ).above(settings.threshold)
    for name in settings.formats:
        if formats.FORMATS[name].main is None:
            formats.write({micrograph.name: picks}, settings.out, name, overwrite=settings.overwrite)
    if settings.overlay:
        path = _overlay_path(micrograph, settings.out)
        draw_overlay(micrograph.pixels(), picks, settings.diameter_angstrom / pixel_size, path)
    return picks


def _overlay_path(micrograph: Micrograph, out: Path) -> Path:
    return out / f"{micrograph.name}_overlay.png"


def write_tables(rows: Sequence[Row], settings: Settings) -> None:
    """Write what holds all micrographs: the formats with one table for all, and the summary.

    Raises
    ------
    CoordinateFileError
        If a file cannot be written.
    """
    picks = {row.name: row.picks for row in rows if row.picks is not None}
    shapes = {row.name: row.shape for row in rows if row.shape is not None}
    for name in settings.formats:
        if formats.FORMATS[name].main is not None and picks:
            formats.write(picks, settings.out, name, overwrite=settings.overwrite, shapes=shapes)
    path = settings.out / SUMMARY
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(SUMMARY_COLUMNS)
            table.writerows(_summary_row(row) for row in rows)
    except OSError as error:
        raise CoordinateFileError(f"{path}: cannot be written ({error.strerror or error})") from error


def _summary_row(row: Row) -> tuple[str, ...]:
    def number(value: float | None, form: str) -> str:
        return "" if value is None or math.isnan(value) else format(value, form)

    count = "" if row.picks is None else str(len(row.picks))
    numbers = (
        number(row.mean_score, ".4f"),
        number(row.pixel_size_angstrom, ".6g"),
        *("" if row.shape is None else str(n) for n in row.shape or (0, 0)),
        number(row.seconds, ".2f"),
    )
    return (row.name, count, *numbers, row.error)
