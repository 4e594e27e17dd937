"""The picks of an open project in memory: whose scores they are, which thresholds hold, what edits change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from napari_hydrapicker.project.edits import Edit
from napari_hydrapicker.project.labels import Labels, ScoreTable
from napari_hydrapicker.project.project import Project

_PICKER = "picker/"  # and a micrograph's number: the setting that says who made its scores
_FROZEN = "frozen_thresholds"


class Annotations:
    """Picks of every micrograph, as they are in the project file.

    Attributes
    ----------
    frozen : dict of int to float
        The thresholds that complete micrographs keep whatever the slider does.
    counts : ScoreTable
        Sorted scores, to count what a threshold shows.
    """

    def __init__(self) -> None:
        self._labels: dict[int, Labels] = {}
        self._pickers: dict[int, str] = {}
        self.frozen: dict[int, float] = {}
        self.counts = ScoreTable()

    @classmethod
    def read(cls, project: Project) -> Annotations:
        """Read them all."""
        made = cls()
        made._labels = dict(project.all_labels())
        made._pickers = {int(number): str(name) for number, name in project.settings_named(_PICKER).items()}
        made.frozen = {int(number): float(value) for number, value in project.setting(_FROZEN, {}).items()}
        for number, labels in made._labels.items():
            made.counts.set(number, labels)
        return made

    def labels(self, micrograph_id: int) -> Labels:
        """Return all that is known of a micrograph's picks."""
        return self._labels.get(micrograph_id) or Labels.empty()

    def picker_of(self, micrograph_id: int) -> str:
        """Return who made the scores of a micrograph's picks (`PickSettings.picker_key`); "" if unknown."""
        return self._pickers.get(micrograph_id, "")

    def write(self, project: Project, edits: Sequence[Edit]) -> None:
        """Write what follows from edits that are committed: whose scores there are, and the thresholds."""
        for edit in edits:
            if edit.scoring is not None and edit.scoring[1].picker != self.picker_of(edit.micrograph_id):
                project.set_setting(f"{_PICKER}{edit.micrograph_id}", edit.scoring[1].picker)
        frozen = self._frozen_after(edits)
        if frozen != self.frozen:
            self.write_frozen(project, frozen)

    @staticmethod
    def write_frozen(project: Project, frozen: Mapping[int, float]) -> None:
        """Write the thresholds that complete micrographs keep."""
        project.set_setting(_FROZEN, {str(number): value for number, value in frozen.items()})

    def follow(self, edits: Sequence[Edit]) -> None:
        """Follow edits that are in the project file already."""
        self.frozen = self._frozen_after(edits)
        for edit in edits:
            number = edit.micrograph_id
            self._labels[number] = edit.apply(self.labels(number))
            if edit.scoring is not None:
                self._pickers[number] = edit.scoring[1].picker
            self.counts.set(number, self._labels[number])

    def _frozen_after(self, edits: Sequence[Edit]) -> dict[int, float]:
        kept = dict(self.frozen)
        for edit in edits:
            number = edit.micrograph_id
            if edit.scoring is not None and number in kept and edit.scoring[1].frozen is not None:
                kept[number] = edit.scoring[1].frozen
        return kept
