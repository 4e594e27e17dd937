"""The cGAN pickers of a session: which there are, which is chosen, and what one would be made of."""

from __future__ import annotations

from pathlib import Path

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picking.library import GeneratorLibrary, names_of, project_generators, user_generators
from napari_hydrapicker.picking.model_files import find_generator
from napari_hydrapicker.project.records import Status
from napari_hydrapicker.project.session import Session

_MOST_BACKGROUNDS = 20  # micrographs, spread over the project: more add time and memory, and little else


def generator_libraries(session: Session) -> list[GeneratorLibrary]:
    """Return the project's own library, beside its file, and the user's."""
    own = [project_generators(session.project.path)] if session.is_open else []
    return [*own, user_generators()]


def generator_names(session: Session) -> list[str]:
    """Return the names in these libraries, each once.

    Raises
    ------
    WeightsError
        If a folder cannot be read.
    """
    return names_of(generator_libraries(session))


def generator_file(session: Session) -> Path | None:
    """Return the file of the generator that is to pick; None for the bundled one, or if none picks.

    Raises
    ------
    ParameterError
        If it is gone.
    WeightsError
        If a folder cannot be read.
    """
    s = session.settings
    used = s.picker == "cgan" or (s.picker == "consensus" and "cgan" in s.joined)
    if not used or s.generator is None:
        return None
    return find_generator(s.generator, generator_libraries(session))


def background_micrographs(session: Session) -> tuple[Micrograph, ...]:
    """Return micrographs whose particle-free areas a picker can be made on, spread over the project.

    Raises
    ------
    ParameterError
        If there are none of known pixel size.
    """
    known = [
        r.micrograph()
        for r in session.records
        if r.pixel_size_angstrom is not None and r.status is not Status.EXCLUDED
    ]
    if not known:
        raise ParameterError(
            "a picker is made on the noise of your micrographs: open a folder, and enter the pixel size in "
            "the table if it is unknown"
        )
    count = min(len(known), _MOST_BACKGROUNDS)
    return tuple(known[i * len(known) // count] for i in range(count))
