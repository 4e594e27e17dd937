"""Picking many micrographs into a folder: one bad file does not stop the others, a full disk does."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from napari_hydrapicker.errors import HydraPickerError, MicrographError
from napari_hydrapicker.micrograph import Micrograph
from napari_hydrapicker.picking.earlier import Earlier
from napari_hydrapicker.picking.full_disk import is_disk_full
from napari_hydrapicker.picking.ledger import Ledger
from napari_hydrapicker.picking.outputs import Settings, overlay_path, write_one
from napari_hydrapicker.picking.picker import Picker
from napari_hydrapicker.picking.rows import Row
from napari_hydrapicker.picks import Picks


def pick_all(
    picker: Picker, micrographs: Sequence[Micrograph], settings: Settings, ledger: Ledger
) -> Iterator[Row]:
    """Pick micrographs one by one, writing each one's files at once; yields a row for each.

    To resume is to leave out those that the ledger names and whose files are there.

    Raises
    ------
    CoordinateFileError
        If an earlier run's table is damaged.
    HydraPickerError
        If the disk is full: then the others would only be picked in vain.
    """
    earlier = Earlier(settings.out, settings.formats, ledger.done) if settings.resume else None
    for micrograph in micrographs:
        done = None if earlier is None else _earlier_row(earlier, micrograph, settings)
        yield done or _row(picker, micrograph, settings, ledger)


def _earlier_row(earlier: Earlier, micrograph: Micrograph, settings: Settings) -> Row | None:
    pixel_size = settings.pixel_size(micrograph)
    if pixel_size is None:
        return None
    also = [overlay_path(micrograph, settings.out)] if settings.overlay else []
    picks = earlier.picks(micrograph.name, settings.diameter_angstrom / pixel_size, also)
    if picks is None:
        return None
    return Row(micrograph.name, pixel_size, picks, shape=micrograph.shape)


def _row(picker: Picker, micrograph: Micrograph, settings: Settings, ledger: Ledger) -> Row:
    start = time.perf_counter()
    pixel_size = settings.pixel_size(micrograph)
    try:
        picks = _pick_one(picker, micrograph, settings, ledger)
    except HydraPickerError as error:
        if is_disk_full(error):
            raise
        return Row(micrograph.name, pixel_size, None, time.perf_counter() - start, str(error))
    return Row(micrograph.name, pixel_size, picks, time.perf_counter() - start, shape=micrograph.shape)


def _pick_one(picker: Picker, micrograph: Micrograph, settings: Settings, ledger: Ledger) -> Picks:
    pixel_size = settings.pixel_size(micrograph)
    if pixel_size is None:
        raise MicrographError(f"{micrograph.path}: the file states no pixel size; give it with --pixel-size")
    picks = picker.pick_micrograph(
        micrograph, settings.diameter_angstrom, pixel_size, settings.border_angstrom, settings.use_mask
    ).above(settings.threshold)
    ledger.begin()
    write_one(micrograph, picks, settings.diameter_angstrom / pixel_size, settings)
    if settings.has_file_each:  # else it is done once the tables are written
        ledger.add({micrograph.name: pixel_size})
    return picks
