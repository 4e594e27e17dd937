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

    def write(self, project: Project, edit: Edit) -> None:
        """Write what follows from an edit that is committed: whose scores there are."""
        if edit.scoring is not None and edit.scoring[1].picker != self.picker_of(edit.micrograph_id):
            project.set_setting(f"{_PICKER}{edit.micrograph_id}", edit.scoring[1].picker)

    def write_frozen_after(self, project: Project, edits: Sequence[Edit]) -> None:
        """Write the thresholds that complete micrographs keep after edits, if these change one."""
        kept = dict(self.frozen)
        for edit in edits:
            _freeze(kept, edit)
        if kept != self.frozen:
            self.write_frozen(project, kept)

    @staticmethod
    def write_frozen(project: Project, frozen: Mapping[int, float]) -> None:
        """Write the thresholds that complete micrographs keep."""
        project.set_setting(_FROZEN, {str(number): value for number, value in frozen.items()})

    def follow(self, edit: Edit) -> None:
        """Follow an edit that is in the project file already."""
        number = edit.micrograph_id
        _freeze(self.frozen, edit)
        self._labels[number] = edit.apply(self.labels(number))
        if edit.scoring is not None:
            self._pickers[number] = edit.scoring[1].picker
        self.counts.set(number, self._labels[number])


def _freeze(frozen: dict[int, float], edit: Edit) -> None:
    """Bring the thresholds that complete micrographs keep to those after an edit."""
    if edit.micrograph_id in frozen and edit.scoring is not None and edit.scoring[1].frozen is not None:
        frozen[edit.micrograph_id] = edit.scoring[1].frozen
