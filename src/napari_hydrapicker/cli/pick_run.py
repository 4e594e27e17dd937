"""Picking with a progress bar, and what is said and kept however it ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari_hydrapicker.cli.interruption import interruptible
from napari_hydrapicker.cli.pick_report import report
from napari_hydrapicker.errors import CoordinateFileError, HydraPickerError, MicrographError

if TYPE_CHECKING:
    from napari_hydrapicker.micrograph import Micrograph
    from napari_hydrapicker.picking.ledger import Ledger
    from napari_hydrapicker.picking.outputs import Settings
    from napari_hydrapicker.picking.picker import Picker
    from napari_hydrapicker.picking.rows import Row


def run(
    picker: Picker,
    micrographs: Sequence[Micrograph],
    settings: Settings,
    ledger: Ledger,
    rows: Sequence[Row],
) -> None:
    """Pick micrographs, write what holds all of them, and print what became of each.

    Parameters
    ----------
    picker, micrographs, settings, ledger
        See `picking.batch.pick_all`.
    rows
        What could not be opened.

    Raises
    ------
    MicrographError
        If a micrograph was not picked.
    CoordinateFileError
        If the disk is full, or a table cannot be written.
    """
    from napari_hydrapicker.picking.full_disk import is_disk_full

    rows = list(rows)
    how = "--resume in place of --overwrite" if settings.overwrite else "--resume"
    try:
        with interruptible(
            lambda: f"{_done(micrographs, ledger)}; the same command with {how} does the others"
        ):
            _pick_and_report(picker, micrographs, settings, ledger, rows)
    except HydraPickerError as error:
        if not is_disk_full(error):
            raise
        raise CoordinateFileError(
            f"{error}; {_done(micrographs, ledger)}: make room, then the same command with {how} goes on"
        ) from error
    failed = [row for row in rows if row.error]
    if failed:
        raise MicrographError(f"{len(failed)} of {len(rows)} micrographs were not picked (see above)")


def _done(micrographs: Sequence[Micrograph], ledger: Ledger) -> str:
    done = sum(one.name in ledger.done for one in micrographs)
    return f"{done} of {len(micrographs)} micrographs are done"


def _pick_and_report(
    picker: Picker, micrographs: Sequence[Micrograph], settings: Settings, ledger: Ledger, rows: list[Row]
) -> None:
    from napari_hydrapicker.picking import outputs

    try:
        _pick_with_progress(picker, micrographs, settings, ledger, rows)
    finally:  # a run that was broken off keeps what it has
        written = False
        try:
            outputs.write_tables(rows, settings, ledger)
            written = True
        finally:  # what was not picked is said even on a full disk
            report(rows, settings, written)


def _pick_with_progress(
    picker: Picker, micrographs: Sequence[Micrograph], settings: Settings, ledger: Ledger, rows: list[Row]
) -> None:
    from rich.console import Console
    from rich.progress import Progress

    from napari_hydrapicker.picking import batch

    console = Console(stderr=True)
    # In a log it would leave an empty line.
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("picking", total=len(micrographs))
        for row in batch.pick_all(picker, micrographs, settings, ledger):
            rows.append(row)
            progress.advance(task)
