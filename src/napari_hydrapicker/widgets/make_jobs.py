"""Making a cGAN picker in the background, from the project's own micrographs and no picks at all."""

from __future__ import annotations

from dataclasses import replace

from napari_hydrapicker.background import unfinished
from napari_hydrapicker.background.messages import MakeRequest
from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.own_generators import background_micrographs, generator_libraries, work_folder
from napari_hydrapicker.picking.generators import check_name
from napari_hydrapicker.widgets.lasting_jobs import LastingJobs


class MakeJobs(LastingJobs):
    """Makes pickers; one that is cancelled, or fails, can be gone on with from its last checkpoint."""

    kind = "making"

    def unfinished(self, name: str) -> MakeRequest | None:
        """Return what was asked for a picker of this name whose training has not come to its end."""
        if not self._session.is_open:
            return None
        try:
            check_name(name)
        except ParameterError:  # half-typed, perhaps
            return None
        return unfinished.begun(work_folder(self._session, name))

    def discard(self, name: str) -> None:
        """Throw away what there is of an unfinished picker.

        Raises
        ------
        ParameterError
            If no picker can be called that.
        ProjectError
            If it is being trained, or cannot be removed.
        """
        check_name(name)
        self.check_free()
        unfinished.discard(work_folder(self._session, name))

    def make(self, name: str, number: int | None, steps: int) -> None:
        """Train a picker for particles of the session's diameter, so many on a micrograph.

        One of this name that is unfinished is gone on with, as it was begun.

        Raises
        ------
        ParameterError
            If no picker can be called that, or no micrograph has a known pixel size.
        ProjectError
            If a training of the project is under way, or the project's folder cannot be written.
        """
        check_name(name)
        self.check_free()
        old = self.unfinished(name)
        if old is None:
            unfinished.discard(work_folder(self._session, name))  # a checkpoint of nobody knows what
        self._job += 1
        request = self._request(name, number, steps)
        if old is not None:
            request = replace(
                request, number=old.number, steps=old.steps, diameter_angstrom=old.diameter_angstrom
            )
        unfinished.begin(request)
        self._begin(request)

    def _request(self, name: str, number: int | None, steps: int) -> MakeRequest:
        s = self._session.settings
        return MakeRequest(
            job=self._job, name=name, micrographs=background_micrographs(self._session),
            diameter_angstrom=s.diameter_angstrom, number=number, steps=steps, device=s.device,
            libraries=tuple(str(one.folder) for one in generator_libraries(self._session)),
            work=str(work_folder(self._session, name)), note=str(self._note_of_project().path),
        )  # fmt: skip

    def _failure(self, problem: str) -> str:
        kept = self.unfinished(self.name) is not None
        advice = ". What was done is kept: “Go on” in Make a picker takes it up" if kept else ""
        return f"Picker {self.name!r} was not made: {problem}{advice}"
