"""A project of the window that is picked elsewhere: what there is to pick, and how the picks come back.

The project is not held meanwhile: the window may have it open, and what the user does there stays.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from napari_hydrapicker.errors import ParameterError, ProjectError
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picking.manifest import Manifest, source_of
from napari_hydrapicker.picking.parameters import CGanSpec, HydraSpec
from napari_hydrapicker.project.generators import generator_file
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.records import Status
from napari_hydrapicker.project.session import Session
from napari_hydrapicker.project.settings import PickSettings
from napari_hydrapicker.project.training_set import head_libraries

_AT_A_TIME = 200  # micrographs whose picks are in memory


@dataclass(frozen=True)
class Handed:
    """What a project wants picked, as it is when it is read.

    Attributes
    ----------
    settings
        Of its window.
    spec
        What picks.
    micrographs
        All but the excluded ones, under the project's names.
    """

    settings: PickSettings
    spec: HydraSpec | CGanSpec
    micrographs: tuple[Micrograph, ...]


def results_folder(project: Path) -> Path:
    """Where the results of a project's micrographs are kept, beside it, until they are in it."""
    return project.with_suffix(".picked")


@contextlib.contextmanager
def _session(path: Path) -> Iterator[Session]:
    session = Session()
    session.use(Project.open(path))
    try:
        yield session
    finally:
        session.close()


def read(path: Path) -> Handed:
    """Read what a project wants picked; a window may have it open.

    Raises
    ------
    ProjectError
        If it is none, or cannot be read.
    ParameterError
        If it is to be picked by a consensus, there is nothing to pick, or a generator is gone.
    """
    with _session(path) as session:
        settings = session.settings
        spec = settings.spec(generator_file(session), [one.folder for one in head_libraries(session)])
        if not isinstance(spec, HydraSpec | CGanSpec):
            raise ParameterError(
                f"{path}: it is to be picked by a consensus, which the window alone does: choose one picker"
            )
        wanted = [record for record in session.records if record.status is not Status.EXCLUDED]
        if not wanted:
            raise ParameterError(f"{path}: holds no micrographs to pick")
        return Handed(settings, spec, tuple(record.micrograph() for record in wanted))


def take_in(path: Path, handed: Handed, results: Path, threshold: float) -> int:
    """Take the picks of a folder into a project, all or none; what the user has done there since stays.

    Micrographs that were removed or excluded meanwhile are left as they are.

    Parameters
    ----------
    path
        Of the project.
    handed
        What was picked.
    results
        Folder of the picks.
    threshold
        The network's own.

    Returns
    -------
    int
        Number of micrographs that have these picks now.

    Raises
    ------
    ProjectError
        If a window has it open, or it cannot be written.
    CoordinateFileError
        If the picks cannot be read.
    """
    manifest = Manifest(results)
    manifest.refresh()
    with _session(path) as session:
        if session.read_only:
            raise ProjectError(f"{path}: a window has it open, which alone may write into it")
        names = {}
        for record in session.records:
            name = manifest.name_of(source_of(record.micrograph()))
            if name is not None and record.status is not Status.EXCLUDED:
                names[record.id] = name
        numbers = list(names)
        key = handed.settings.picker_key
        with session.project.transaction():
            session.suggest_threshold(threshold, key)
            for start in range(0, len(numbers), _AT_A_TIME):
                part = numbers[start : start + _AT_A_TIME]
                picks = manifest.picks(names[number] for number in part)
                for number in part:
                    session.put_picks(number, picks[names[number]], picker=key)
        return len(numbers)
