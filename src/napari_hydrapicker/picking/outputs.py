"""The files that picking writes into a folder: which they are, whether they may be, and writing them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from napari_hydrapicker import formats
from napari_hydrapicker.errors import CoordinateFileError, ParameterError
from napari_hydrapicker.formats import WriteOptions
from napari_hydrapicker.micrograph import Micrograph
from napari_hydrapicker.overlay import draw_overlay
from napari_hydrapicker.picking.earlier import Earlier
from napari_hydrapicker.picking.ledger import LEDGER, Ledger
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

    @property
    def has_file_each(self) -> bool:
        """Whether a format has a file for each micrograph, not one table for all."""
        return any(formats.FORMATS[name].main is None for name in self.formats)

    def pixel_size(self, micrograph: Micrograph) -> float | None:
        """Return Angstrom per pixel: what is given for all, else what the file states."""
        return self.pixel_size_angstrom or micrograph.pixel_size_angstrom


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
    present = list(existing(micrographs, settings))
    if present:
        more = f" (and {len(present) - 1} more)" if len(present) > 1 else ""
        raise CoordinateFileError(
            f"{present[0]}{more} exists: give --resume to go on, --overwrite, or another --out"
        )


def existing(micrographs: Sequence[Micrograph], settings: Settings) -> Iterator[Path]:
    """Yield the files to write that are there already."""
    return (path for path in _targets(micrographs, settings) if path.exists())


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
        yield from (overlay_path(one, settings.out) for one in micrographs)
    yield settings.out / LEDGER


def overlay_path(micrograph: Micrograph, out: Path) -> Path:
    """Return where a micrograph's picture goes."""
    return out / f"{micrograph.name}_overlay.png"


def write_one(micrograph: Micrograph, picks: Picks, diameter_px: float, settings: Settings) -> None:
    """Write the files of one micrograph.

    Raises
    ------
    CoordinateFileError, ParameterError
        If one cannot be written.
    """
    for name in settings.formats:
        if formats.FORMATS[name].main is None:
            formats.write({micrograph.name: picks}, settings.out, name, overwrite=settings.replaces)
    if settings.overlay:
        draw_overlay(micrograph.pixels(), picks, diameter_px, overlay_path(micrograph, settings.out))


def write_tables(rows: Sequence[Row], settings: Settings, ledger: Ledger) -> None:
    """Write what holds all micrographs: the formats with one table for all, and the summary.

    Nothing is written where nothing was picked, so that a run that failed leaves nothing behind. A run
    that resumes adds the other micrographs that are done. One that cannot be written keeps no
    other from being written.

    Raises
    ------
    CoordinateFileError
        If a file cannot be written.
    """
    picks = {row.name: row.picks for row in rows if row.picks is not None}
    shapes = {row.name: row.shape for row in rows if row.shape is not None}
    if not picks:
        return
    others = _done_before(picks, settings, ledger) if settings.resume else {}
    ledger.begin()
    problems: list[CoordinateFileError] = []
    for name in settings.formats:
        if formats.FORMATS[name].main is not None:
            try:
                formats.write(others | picks, settings.out, name, overwrite=settings.replaces, shapes=shapes)
            except CoordinateFileError as error:
                problems.append(error)
    write_summary(rows, settings.out, keep=ledger.done if settings.resume else ())
    if problems:
        raise problems[0]
    sizes = {row.name: row.pixel_size_angstrom for row in rows if row.picks is not None}
    ledger.add({name: size for name, size in sizes.items() if size is not None})


def _done_before(picks: Mapping[str, Picks], settings: Settings, ledger: Ledger) -> dict[str, Picks]:
    """The picks of the micrographs that are done, and not among those of this run."""
    earlier = Earlier(settings.out, settings.formats, ledger.done)
    found = {
        name: earlier.picks(name, settings.diameter_angstrom / pixel_size)
        for name, pixel_size in ledger.done.items()
        if name not in picks
    }
    return {name: one for name, one in found.items() if one is not None}
