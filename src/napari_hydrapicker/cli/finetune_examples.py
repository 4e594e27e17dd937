"""What `hydrapicker finetune` trains on: micrographs joined with their picks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_hydrapicker.cli.coordinate_reading import open_known, show_match, warn_of_frame
from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.io.coordinates.folder import read_matched
from napari_hydrapicker.io.coordinates.frame_check import Reading
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.training.annotated_micrograph import AnnotatedMicrograph
from napari_hydrapicker.training.data_sets import check_inside
from napari_hydrapicker.wording import shortened


def read_examples(
    paths: Sequence[str],
    picks: Path,
    rejected: Path | None,
    threshold: float,
    complete: bool,
    pixel_size_angstrom: float | None,
    reading: Reading | None = None,
    show: bool = False,
) -> list[AnnotatedMicrograph]:
    """Join micrographs with their picks, by name; those without picks are skipped and listed.

    Parameters
    ----------
    paths : sequence of str
        Micrographs: files, folders, patterns or other programs' lists.
    picks, rejected : Path
        File or folder with the particles, and with what is no particle.
    threshold : float
        Picks of a lower score are left out; 0 keeps all.
    complete : bool
        Whether all particles are among the picks.
    pixel_size_angstrom : float or None
        Overrides what the files state.
    reading : Reading, optional
        How the positions in both files are meant.
    show : bool
        Print what was matched with what.

    Raises
    ------
    MicrographError, CoordinateFileError
        If a file is missing or damaged.
    ParameterError
        If it cannot be told which picks belong to which micrograph, no micrograph has picks, one has no pixel
        size, or picks lie outside of it.
    """
    opened = _open(paths)
    raw, match = read_matched(picks, opened)
    # That there are picks of other micrographs is no surprise: few are corrected.
    show_match(match, "micrographs", "picks", show, both=False)
    chosen = [(one, own) for one, own in zip(opened, raw, strict=True) if own is not None]
    if not chosen:
        names = shortened(one.name for one in opened)
        raise ParameterError(f"{picks}: no picks for {names}; are these the right micrographs?")
    reading = reading or Reading()
    warn_of_frame(picks, chosen, reading)
    particles = [_read_as(own, one, picks, reading) for one, own in chosen]
    kept = [one for one, _ in chosen]
    negative = [None] * len(kept) if rejected is None else _rejected(kept, rejected, reading)
    sizeless = [one for one in kept if (pixel_size_angstrom or one.pixel_size_angstrom) is None]
    if sizeless:
        raise ParameterError(
            f"{sizeless[0].path}: {sizeless[0].why_no_pixel_size()}; give it with --pixel-size"
        )
    nothing = np.empty((0, 2))
    return [
        AnnotatedMicrograph(
            one,
            own.above(threshold).yx if threshold else own.yx,
            nothing if no_particles is None else no_particles.yx,
            complete,
        )
        for one, own, no_particles in zip(kept, particles, negative, strict=True)
    ]


def _read_as(picks: Picks, micrograph: Micrograph, origin: Path, reading: Reading) -> Picks:
    read = reading.apply(picks, micrograph.shape)
    check_inside(read, micrograph, origin)
    return read


def _rejected(micrographs: Sequence[Micrograph], path: Path, reading: Reading) -> list[Picks | None]:
    found, match = read_matched(path, micrographs)
    if not match.pairs:
        raise ParameterError(f"--rejected {path}: no picks for any of the micrographs; leave it out")
    return [
        None if own is None else _read_as(own, one, path, reading)
        for one, own in zip(micrographs, found, strict=True)
    ]


def _open(paths: Sequence[str]) -> list[Micrograph]:
    opened = open_known(paths)
    seen: dict[str, Micrograph] = {}
    for one in opened:
        other = seen.setdefault(one.name, one)
        if other is not one:
            # One of them might be trained on and the other held out, with the same picks.
            raise ParameterError(f"{one.path}: shares its name with {other.path}; leave one of them out")
    return opened
