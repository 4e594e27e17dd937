"""Coordinates for the programs that come next: planned, written, read back and compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from napari_hydrapicker.errors import CoordinateFileError, ParameterError
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.io.coordinates import WriteOptions
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.io.names import distinct_names, micrograph_path
from napari_hydrapicker.io.relion_names import relion_name, relion_project
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.wording import by_number, counted


@dataclass(frozen=True)
class Preset:
    """A target program: the format it opens, what the user reads, and how far it rounds, pixels."""

    format: str
    title: str
    rounding_px: float


PRESETS: dict[str, Preset] = {
    "relion-job": Preset("star-combined", "RELION 5: as AutoPick writes it", 1e-5),
    "relion-particles": Preset("star-particles", "RELION: one particles table", 1e-5),
    "cryosparc": Preset("star-particles", "cryoSPARC: import particles (STAR)", 1e-5),
    "eman": Preset("box", "EMAN: .box", 1.0),
    "cryolo": Preset("cbox", "crYOLO: .cbox", 1e-3),
    "topaz": Preset("topaz", "Topaz: one table", 0.5),
    "csv": Preset("csv", "CSV: everything that is known", 1e-5),
}


@dataclass(frozen=True)
class ExportItem:
    """One micrograph with its picks, already cut at the threshold."""

    micrograph: Micrograph
    picks: Picks
    complete: bool
    diameter_angstrom: float


@dataclass(frozen=True)
class ExportPlan:
    """What an export would write.

    Attributes
    ----------
    preset, folder
        Where to and for which program.
    picks : dict of micrograph name to Picks
        What is written; diameters in pixels are filled in where the pixel size is known.
    options : WriteOptions
        Names and shapes of the micrographs.
    files, existing : tuple of Path
        All files, and those that there are already.
    excluded : int
        How many micrographs are left out since the user has excluded them.
    """

    preset: Preset
    folder: Path
    picks: dict[str, Picks]
    options: WriteOptions
    files: tuple[Path, ...]
    existing: tuple[Path, ...]
    excluded: int = 0

    @property
    def n_picks(self) -> int:
        """Number of picks on all micrographs."""
        return sum(len(picks) for picks in self.picks.values())

    def summary(self) -> str:
        """Say in a line what would be written."""
        n = len(self.existing)
        there = f"; {n:,} {by_number(n, 'exists', 'exist')} already" if n else ""
        text = f"{_counts(self.n_picks, len(self.picks))}, {counted(len(self.files), 'file')}{there}"
        return text + _without(self.excluded)


@dataclass(frozen=True)
class ExportReport:
    """What an export has written and found to be right."""

    files: tuple[Path, ...]
    n_picks: int
    n_micrographs: int
    excluded: int = 0

    def outcome(self) -> str:
        """Say in a line what was written, and what was not."""
        text = f"{_counts(self.n_picks, self.n_micrographs)} written, read back and found the same"
        return text + _without(self.excluded)

    def summary(self) -> str:
        """Say it, and where that is."""
        return f"{self.outcome()}: {self.files[0].parent if self.files else 'nowhere'}"


def _counts(n_picks: int, n_micrographs: int) -> str:
    return f"{counted(n_picks, 'pick')} on {counted(n_micrographs, 'micrograph')}"


def _without(excluded: int) -> str:
    return f"; {counted(excluded, 'excluded micrograph')} left out" if excluded else ""


def plan(
    items: Sequence[ExportItem], preset: str, folder: Path, only_complete: bool = False, excluded: int = 0
) -> ExportPlan:
    """Find out what an export would write; nothing is written.

    `excluded` is the number of micrographs that are not among the items since the user has excluded them.

    Raises
    ------
    ParameterError
        If there is no such preset, nothing to export, two micrographs share folder and name, or a format
        needs box sizes and a pixel size is unknown.
    """
    if preset not in PRESETS:
        raise ParameterError(f"no export preset {preset!r}: one of {', '.join(PRESETS)}")
    chosen = [item for item in items if item.complete or not only_complete]
    if not chosen:
        what = "no micrograph is marked complete" if only_complete and items else "there are no micrographs"
        raise ParameterError(f"nothing to export: {what}")
    # One file name in two folders is two micrographs, whose names have these folders before them, also where
    # only one of the two is exported.
    names = [
        max(name, item.micrograph.name, key=len)
        for name, item in zip(
            distinct_names([item.micrograph.full_name for item in chosen]), chosen, strict=True
        )
    ]
    picks: dict[str, Picks] = {}
    for name, item in zip(names, chosen, strict=True):
        if name in picks:
            raise ParameterError(f"two micrographs of one folder are called {name}: exclude one of them")
        picks[name] = _with_diameter(item)
    options = WriteOptions(
        shapes={name: item.micrograph.shape for name, item in zip(names, chosen, strict=True)},
        micrograph_names={
            name: _name_for_relion(name, item.micrograph) for name, item in zip(names, chosen, strict=True)
        },
        project_dir=relion_project(folder.absolute()),
    )
    target = formats.FORMATS[PRESETS[preset].format]
    unsized = [name for name, one in picks.items() if one.diameter_px is None]
    if target.needs_box and unsized:
        raise ParameterError(
            f"{unsized[0]}: a box size in pixels needs the pixel size: enter it in the table"
        )
    none = {name: one.select([]) for name, one in picks.items()}
    files = tuple(folder / name for name in target.encode(none, folder, options))
    existing = tuple(file for file in files if file.exists())
    return ExportPlan(PRESETS[preset], folder, picks, options, files, existing, excluded)


def run(planned: ExportPlan, overwrite: bool = False) -> ExportReport:
    """Write what was planned, read it back and compare.

    Raises
    ------
    CoordinateFileError
        If a file exists and may not be replaced, cannot be written, or does not hold what it should.
    """
    try:
        planned.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CoordinateFileError(
            f"{planned.folder}: the folder cannot be made ({error.strerror})"
        ) from error
    options = planned.options
    written = formats.write(
        planned.picks, planned.folder, planned.preset.format, overwrite=overwrite, shapes=options.shapes,
        micrograph_names=options.micrograph_names, project_dir=options.project_dir,
    )  # fmt: skip
    _compare(planned, written)
    return ExportReport(tuple(written), planned.n_picks, len(planned.picks), planned.excluded)


def _compare(planned: ExportPlan, written: Sequence[Path]) -> None:
    target = formats.FORMATS[planned.preset.format]
    main = [file for file in written if file.name == target.main]
    read: dict[str, Picks] = {}
    for file in main or written:
        found = formats.read_paths(file, target.name)
        # The file of one micrograph is named after it, whatever a reader would guess from that name.
        own = file.relative_to(planned.folder).with_suffix("").as_posix()
        read.update(found if target.main else zip([own], found.values(), strict=True))
    for name, picks in planned.picks.items():
        held = micrograph_path(planned.options.name_of(name)) if target.main else name
        back = read.get(held, read.get(name, Picks.from_xy([], [])))
        if len(back) != len(picks):
            raise CoordinateFileError(
                f"{planned.folder}: {name} has {counted(len(back), 'pick')} on disk, not the "
                f"{len(picks):,} that were written; "
                "look for space on the disk and export again"
            )
        if len(picks) and np.abs(back.yx - picks.yx).max() > planned.preset.rounding_px + 1e-6:
            raise CoordinateFileError(f"{planned.folder}: {name} differs from what was written; export again")


def _name_for_relion(name: str, micrograph: Micrograph) -> str:
    """What RELION calls it; outside of its projects the folders that tell it from others stay."""
    known = relion_name(micrograph)
    return f"{name.rpartition('/')[0]}/{known}" if "/" in name and "/" not in known else known


def _with_diameter(item: ExportItem) -> Picks:
    pixel_size = item.micrograph.pixel_size_angstrom
    diameter = None if pixel_size is None else item.diameter_angstrom / pixel_size
    return replace(item.picks, diameter_px=diameter)
