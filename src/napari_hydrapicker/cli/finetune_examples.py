"""What `hydrapicker finetune` trains on: micrographs joined with their picks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.micrograph import Micrograph, open_micrographs
from napari_hydrapicker.micrograph_files import find_micrographs
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.training.finetune import Example
from napari_hydrapicker.training.labels import check_inside, read_labels

_LISTED = 3


def read_examples(
    paths: Sequence[str],
    picks: Path,
    rejected: Path | None,
    threshold: float,
    complete: bool,
    pixel_size_angstrom: float | None,
) -> list[Example]:
    """Join micrographs with their picks, by name.

    Parameters
    ----------
    paths : sequence of str
        Micrographs: files, folders or patterns.
    picks, rejected : Path
        File or folder with the particles, and with what is no particle.
    threshold : float
        Picks of a lower score are left out; 0 keeps all.
    complete : bool
        Whether all particles are among the picks.
    pixel_size_angstrom : float or None
        Overrides what the files state.

    Raises
    ------
    MicrographError, CoordinateFileError
        If a file is missing or damaged.
    ParameterError
        If two micrographs or two sets of picks have one name, a micrograph has no picks or no pixel size, or
        picks lie outside of it.
    """
    particles = read_labels(picks)
    negative = {} if rejected is None else read_labels(rejected)
    opened = _open(paths)
    _check_known(opened, picks, particles)
    if rejected is not None:
        _check_rejected(opened, rejected, negative)
    sizeless = [one.path for one in opened if (pixel_size_angstrom or one.pixel_size_angstrom) is None]
    if sizeless:
        raise ParameterError(f"{sizeless[0]}: the file states no pixel size; give it with --pixel-size")
    nothing = np.empty((0, 2))
    return [
        Example(
            one,
            particles[one.name].above(threshold).yx if threshold else particles[one.name].yx,
            negative[one.name].yx if one.name in negative else nothing,
            complete,
            pixel_size_angstrom,
        )
        for one in opened
    ]


def _check_known(opened: Sequence[Micrograph], picks: Path, particles: Mapping[str, Picks]) -> None:
    unknown = [one.name for one in opened if one.name not in particles]
    if unknown:
        names = ", ".join(unknown[:_LISTED]) + (" and others" if len(unknown) > _LISTED else "")
        raise ParameterError(f"{picks}: no picks for {names}; add them, or leave the micrograph out")
    for one in opened:
        check_inside(particles[one.name], one, picks)


def _check_rejected(opened: Sequence[Micrograph], rejected: Path, negative: Mapping[str, Picks]) -> None:
    concerned = [one for one in opened if one.name in negative]
    if not concerned:
        raise ParameterError(f"--rejected {rejected}: no picks for any of the micrographs; leave it out")
    for one in concerned:
        check_inside(negative[one.name], one, rejected)


def _open(paths: Sequence[str]) -> list[Micrograph]:
    opened: dict[str, Micrograph] = {}
    for path in find_micrographs(paths):
        for one in open_micrographs(path):
            other = opened.setdefault(one.name, one)
            if other is one or (one.frame == other.frame and one.path.samefile(other.path)):
                continue
            # One of them might be trained on and the other held out, with the same picks.
            raise ParameterError(f"{one.path}: shares its name with {other.path}; leave one of them out")
    return list(opened.values())
