"""What live picking found in the course of time: a table that grows, and a picture of it."""

from __future__ import annotations

import csv
import io
import math
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_hydrapicker.errors import CoordinateFileError
from napari_hydrapicker.io.files import write_files
from napari_hydrapicker.picking.results import MicrographResult
from napari_hydrapicker.wording import counted

TABLE, PICTURE = "live.csv", "live.png"
_COLUMNS = ("finished", "picked", "micrograph", "picks", "mean_score", "doubt")
_PANELS = (("picks", "picks"), ("mean_score", "mean confidence"), ("doubt", "doubt"))
_SMOOTHED = 51  # micrographs of the median that is drawn as a line
_NS = 1e9


class Timeline:
    """The table and the picture in a folder of picks; they go on where a run before stopped.

    Parameters
    ----------
    folder
        Exists.
    """

    def __init__(self, folder: Path) -> None:
        self._table, self._picture = folder / TABLE, folder / PICTURE
        self._names: set[str] | None = None

    def add(self, result: MicrographResult) -> None:
        """Append a micrograph that was picked, unless it is there.

        Raises
        ------
        CoordinateFileError
            If the table cannot be read or written.
        """
        if result.name in self._known():
            return
        finished = "" if result.mtime_ns is None else _shown(result.mtime_ns / _NS)
        numbers = ("" if n is None else f"{n:.4f}" for n in (result.mean_score, result.doubt))
        now = _shown(datetime.now(UTC).timestamp())
        line = _line(finished, now, result.name, str(result.n_picks), *numbers)
        try:
            with self._table.open("ab") as file:
                file.write(line if file.tell() else _line(*_COLUMNS) + line)
        except OSError as error:
            raise CoordinateFileError(f"cannot be written ({error.strerror}): {self._table}") from error
        self._known().add(result.name)

    def _known(self) -> set[str]:
        """Names in the table; half a line of a run that was killed is cut off."""
        if self._names is None:
            self._names = set()
            try:
                if self._table.exists():
                    content = self._table.read_bytes()
                    whole = content.rpartition(b"\n")[0] + b"\n" if b"\n" in content else b""
                    if len(whole) < len(content):
                        os.truncate(self._table, len(whole))
                    self._names = {row["micrograph"] for row in _rows(whole)}
            except (OSError, KeyError) as error:
                raise CoordinateFileError(f"cannot be read ({error}): {self._table}; move it away") from error
        return self._names

    def draw(self) -> None:
        """Draw the picture anew from the table, if there is one.

        Raises
        ------
        CoordinateFileError
            If it cannot be read or written.
        """
        if not self._known():
            return
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
        from matplotlib.figure import Figure

        rows = sorted(_rows(self._table.read_bytes()), key=lambda row: row["finished"])
        times = [datetime.fromisoformat(row["finished"] or row["picked"]) for row in rows]
        figure = Figure(figsize=(9, 7), layout="constrained")
        FigureCanvasAgg(figure)
        axes: Any = figure.subplots(len(_PANELS), sharex=True)
        for axis, (column, label) in zip(axes, _PANELS, strict=True):
            values = np.array([float(row[column] or math.nan) for row in rows])
            axis.plot(times, values, ".", markersize=3, color="tab:blue", alpha=0.5)
            axis.plot(times, _smooth(values), color="black", linewidth=1)
            axis.set_ylabel(label)
            axis.set_ylim(0, 1 if column != "picks" else max(1.0, 1.05 * float(np.nanmax(values))))
        axes[0].set_title(f"{counted(len(rows), 'micrograph')}, by the time of finishing the file (UTC)")
        locator = AutoDateLocator()  # type: ignore[no-untyped-call]
        axes[-1].xaxis.set_major_locator(locator)
        axes[-1].xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
        picture = io.BytesIO()
        figure.savefig(picture, format="png", dpi=100)
        write_files({self._picture: picture.getvalue()}, overwrite=True)


def _smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median over neighbours; micrographs without a value are left out of it."""
    half = _SMOOTHED // 2
    padded = np.pad(values, half, constant_values=math.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, _SMOOTHED)
    known = np.isfinite(windows).any(axis=1)
    smooth = np.full(len(values), math.nan)
    smooth[known] = np.nanmedian(windows[known], axis=1)
    return smooth


def _rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8", "replace"), newline="")))


def _line(*values: str) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue().encode("utf-8", "replace")


def _shown(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
