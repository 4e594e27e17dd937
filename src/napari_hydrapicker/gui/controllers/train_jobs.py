"""Training a head in the background: the session's corrections go out, progress and figures come back."""

from __future__ import annotations

from pathlib import Path

from napari_hydrapicker.gui.controllers.lasting_jobs import LastingJobs
from napari_hydrapicker.hydra.head_record import check_head_name
from napari_hydrapicker.project.training_set import corrected_micrographs
from napari_hydrapicker.worker.messages import TrainRequest


class TrainJobs(LastingJobs):
    """Trains heads; what is cancelled leaves nothing."""

    kind = "training"

    def train(self, name: str, libraries: list[Path], replace: bool = False) -> None:
        """Train a head on the session's corrections and save it in these libraries.

        The corrections are those of now: the user goes on meanwhile.

        Raises
        ------
        ParameterError
            If no head can be called that.
        ProjectError
            If a training of the project is under way, or the project's folder cannot be written.
        """
        check_head_name(name)
        self.check_free()
        self._job += 1
        s = self._session.settings
        request = TrainRequest(
            job=self._job, name=name, micrographs=corrected_micrographs(self._session),
            diameter_angstrom=s.diameter_angstrom, weights=s.weights, device=s.device,
            libraries=tuple(map(str, libraries)), replace=replace, folder=self._directory(name).folder,
        )  # fmt: skip
        self._begin(request)

    def _failure(self, problem: str) -> str:
        return f"Head {self.name!r} was not trained: {problem}"
