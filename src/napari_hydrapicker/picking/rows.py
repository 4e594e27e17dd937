"""What becomes of each micrograph when many are picked, and the table that says so."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_hydrapicker import formats
from napari_hydrapicker.errors import CoordinateFileError
from napari_hydrapicker.formats._files import write_files
from napari_hydrapicker.picks import Picks

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


@dataclass(frozen=True, eq=False)
class Row:
    """What became of one micrograph: its picks from the threshold on, or an error.

    ``seconds`` is NaN for one that was picked in an earlier run.
    """

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


def write_summary(rows: Sequence[Row], folder: Path, keep: Collection[str] = ()) -> None:
    """Write the table of micrographs into a folder; the file appears whole or not at all.

    Parameters
    ----------
    rows : sequence of Row
        The micrographs.
    folder : Path
        Where the table goes.
    keep : collection of str
        Names of micrographs of which is kept what the folder's table says, or, of those among `rows` that
        were picked in an earlier run, how long they took.

    Raises
    ------
    CoordinateFileError
        If it cannot be written, or what shall be kept cannot be read.
    """
    path = folder / formats.PICKING_SUMMARY
    before = _read(path) if keep and path.exists() else {}
    table = {name: row for name, row in before.items() if name in keep}
    for row in rows:
        values = dict(zip(SUMMARY_COLUMNS, _values(row), strict=True))
        if math.isnan(row.seconds) and not row.error:
            values["seconds"] = table.get(row.name, {}).get("seconds") or ""
        table[row.name] = values
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(SUMMARY_COLUMNS)
    writer.writerows([values.get(column) or "" for column in SUMMARY_COLUMNS] for values in table.values())
    write_files({path: text.getvalue().encode("utf-8", "replace")}, overwrite=True)


def _read(path: Path) -> dict[str, Mapping[str, str | None]]:
    """What a summary says of each micrograph; what could not be opened then is looked at again."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CoordinateFileError(f"{path}: cannot be read ({error}); delete it") from error
    return {name: row for row in rows if (name := row.get("micrograph")) and not row.get("error")}


def _values(row: Row) -> tuple[str, ...]:
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
