"""The tables of a folder of picks, which hold all micrographs: the summary, and picks where a format has one.

They are made from the manifest alone, in the order of names: runs that differ in their number, order and
interruptions leave the same tables.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from napari_hydrapicker.errors import CoordinateFileError
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.io.coordinates import WriteOptions
from napari_hydrapicker.picking.manifest import Manifest
from napari_hydrapicker.picking.results import MicrographResult
from napari_hydrapicker.picking.worth import COLUMNS, Values, listed_values

SUMMARY_COLUMNS = (
    "micrograph",
    *COLUMNS,
    "pixel_size_angstrom",
    "rows",
    "columns",
    "error",
)  # how long each took is in the manifest: these are the same whenever they are picked


def worth_of(result: MicrographResult) -> Values:
    """Return what is known of a micrograph that was picked, or could not be, by column."""
    found = {
        "picks": None if result.error else result.n_picks,
        "mean_score": result.mean_score,
        "doubt": result.doubt,
        "masked_share": result.masked_share,
    }
    known = {name: math.nan if value is None else float(value) for name, value in found.items()}
    return known | listed_values(result.figures)


def read_worth(folder: Path) -> dict[str, Values]:
    """Read the numbers of the summaries in a folder of picks and its sub-folders, by the micrographs' names.

    Columns that a summary has not, as one of another version or of a consensus, are not known.

    Raises
    ------
    CoordinateFileError
        If a summary cannot be read, or a number in it is none.
    """
    found: dict[str, Values] = {}
    for path in sorted(folder.rglob(formats.PICKING_SUMMARY)) if folder.is_dir() else []:
        inner = path.relative_to(folder).parts[:-1]
        try:
            with path.open(newline="", encoding="utf-8") as file:
                rows = [row for row in csv.DictReader(file) if row.get("micrograph")]
            for row in rows:
                numbers = {name: float(row[name]) for name in COLUMNS if row.get(name)}
                found["/".join([*inner, str(row["micrograph"])])] = numbers
        except (OSError, UnicodeDecodeError, ValueError, csv.Error) as error:
            raise CoordinateFileError(f"{path}: cannot be read ({error}); delete it or pick again") from error
    return found


def write_tables(
    manifest: Manifest, write: Callable[[Mapping[Path, bytes]], object], chosen: Iterable[str] = ()
) -> None:
    """Write the tables of all runs of a folder; to be called while the manifest is locked.

    A table that cannot be written keeps no other from being written.

    Parameters
    ----------
    manifest
        Of the folder.
    write
        Writes files, or raises.
    chosen
        Formats whose tables are wanted besides those that the runs were given.

    Raises
    ------
    CoordinateFileError
        If a file cannot be written.
    """
    results = sorted(manifest.picked.values(), key=lambda one: one.name)
    problems: list[CoordinateFileError] = []
    folder = manifest.path.parent
    if results:
        problems = _write_picks(manifest, results, write, chosen)
    if results or manifest.failed:
        rows = sorted([*results, *manifest.failed.values()], key=lambda one: (one.name, one.source))
        write({folder / formats.PICKING_SUMMARY: _summary(rows)})
    if problems:
        raise problems[0]


def _write_picks(
    manifest: Manifest,
    results: Sequence[MicrographResult],
    write: Callable[[Mapping[Path, bytes]], object],
    chosen: Iterable[str],
) -> list[CoordinateFileError]:
    """Write the tables of picks, those of runs with other formats too; return what went wrong."""
    folder = manifest.path.parent
    configs = (manifest.configs.get(key) for key in dict.fromkeys(one.run for one in results))
    names = dict.fromkeys(chosen)
    names |= dict.fromkeys(name for config in configs if config is not None for name in config.format)
    tables = [one for name in names if (one := formats.FORMATS.get(name)) and one.main is not None]
    if not tables:
        return []
    picks = manifest.picks(one.name for one in results)
    options = WriteOptions(shapes={one.name: one.shape for one in results if one.shape is not None})
    problems = []
    for table in tables:
        try:
            encoded = table.encode(picks, folder, options)
            write({folder / name: content for name, content in encoded.items()})
        except CoordinateFileError as error:
            problems.append(error)
    return problems


def _summary(rows: Sequence[MicrographResult]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(SUMMARY_COLUMNS)
    writer.writerows(_values(row) for row in rows)
    return text.getvalue().encode("utf-8", "replace")


def _values(row: MicrographResult) -> tuple[str, ...]:
    values = worth_of(row)
    return (
        row.name,
        *(column.text(values[name]) for name, column in COLUMNS.items()),
        "" if row.pixel_size_angstrom is None else f"{row.pixel_size_angstrom:.6g}",
        *("" if row.shape is None or row.error else str(n) for n in row.shape or (0, 0)),
        " ".join(row.error.split()),
    )
