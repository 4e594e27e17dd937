"""A project of the window that is picked elsewhere: what there is to pick, and how the picks come back.

The project is not held meanwhile: the window may have it open, and what the user does there stays. A note
beside the project says where results are that are not in it yet: a window that has it open, or opens it,
offers to take them in.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from napari_hydrapicker.errors import ParameterError, ProjectError
from napari_hydrapicker.io.files import write_files
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picking.manifest import Manifest
from napari_hydrapicker.picking.parameters import CGanSpec, HydraSpec
from napari_hydrapicker.picking.results import source_of
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.project.generators import generator_file
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.records import MicrographRecord, Status
from napari_hydrapicker.project.session import Session
from napari_hydrapicker.project.settings import PickSettings
from napari_hydrapicker.project.training_set import head_libraries

_DECIDED = (Status.COMPLETE, Status.EXCLUDED)


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
        All but the complete and the excluded ones, as the window's *Pick all*, under the project's names.
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
        wanted = [record for record in session.records if record.status not in _DECIDED]
        if not wanted:
            raise ParameterError(f"{path}: holds no micrographs to pick")
        return Handed(settings, spec, tuple(record.micrograph() for record in wanted))


class _Note(BaseModel):
    """What has to be known of results to take them in."""

    model_config = ConfigDict(extra="ignore")

    folder: Path
    picker: str
    threshold: float


def note_path(project: Path) -> Path:
    """Where it says that there are results which are not in the project yet."""
    return project.with_suffix(".picked.json")


def leave_note(path: Path, handed: Handed, results: Path, threshold: float) -> None:
    """Say beside a project that there are results for it.

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

    Raises
    ------
    CoordinateFileError
        If it cannot be written.
    """
    note = _Note(folder=results.absolute(), picker=handed.settings.picker_key, threshold=threshold)
    write_files({note_path(path): note.model_dump_json().encode()}, overwrite=True)


@dataclass(frozen=True, eq=False)
class Waiting:
    """Results that are not in their project yet."""

    project: Path
    picker: str
    threshold: float
    manifest: Manifest

    def found(self, records: Iterable[MicrographRecord]) -> dict[int, str]:
        """Return the names in the results of those micrographs that can take them, by their numbers.

        What the user has marked complete or excluded by now stays as it is.
        """
        names = {
            one.id: self.manifest.name_of(source_of(one.micrograph()))
            for one in records
            if one.status not in _DECIDED
        }
        return {number: name for number, name in names.items() if name is not None}

    def taking_in(self, session: Session) -> Generator[None, None, int]:
        """Take the picks into the open project, micrograph by micrograph: for `Database.in_parts`.

        All or none; edits stay, and one undo takes all back. The note is gone then. Returns how many
        micrographs have these picks now.
        """
        names = self.found(session.records)
        session.suggest_threshold(self.threshold, self.picker)
        yield from session.importing(_PicksOf(self.manifest, names), self.picker)
        with contextlib.suppress(OSError):  # then they are offered once more
            note_path(self.project).unlink(missing_ok=True)
        return len(names)


class _PicksOf(Mapping[int, Picks]):
    """Picks that are read when they are asked for: those of all micrographs need not be in memory."""

    def __init__(self, manifest: Manifest, names: Mapping[int, str]) -> None:
        self._manifest, self._names = manifest, names

    def __getitem__(self, number: int) -> Picks:
        name = self._names[number]
        return self._manifest.picks([name])[name]

    def __iter__(self) -> Iterator[int]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def waiting(path: Path) -> Waiting | None:
    """Read what waits to be taken into a project; None if nothing does.

    Raises
    ------
    ProjectError
        If the note cannot be read.
    CoordinateFileError
        If the results cannot be read.
    """
    file = note_path(path)
    try:
        note = _Note.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise ProjectError(
            f"the picks of `hydrapicker pick` for this project are not found, since its note cannot be read: "
            f"run the same command again, with `resume` ({file})"
        ) from error
    manifest = Manifest(note.folder)
    manifest.refresh()
    return Waiting(path, note.picker, note.threshold, manifest)


def take_in(path: Path) -> int | None:
    """Take the results that wait for a project into it, all or none; what the user has done since stays.

    Returns
    -------
    int or None
        Number of micrographs that have these picks now; None if a window has the project open, which alone
        may write into it, and offers them to its user.

    Raises
    ------
    ProjectError
        If it cannot be written.
    CoordinateFileError
        If the picks cannot be read.
    """
    found = waiting(path)
    if found is None:  # a window was quicker
        return None
    with _session(path) as session:
        if session.read_only:
            return None
        return session.project.in_parts(found.taking_in(session)).result()
