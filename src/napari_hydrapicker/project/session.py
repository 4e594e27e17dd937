"""What the widgets show: micrographs, their picks and the settings, without a trace of Qt.

The session is the one way to change a project. Edits and marks are in the project file before a signal tells
of them; settings hold in this window even if they cannot be written.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from psygnal import Signal

from napari_hydrapicker.errors import ParameterError, ProjectError
from napari_hydrapicker.io.edited_mask import EditedMask
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.project.edits import EditKind, far_from
from napari_hydrapicker.project.labels import Labels, is_shown
from napari_hydrapicker.project.open_project import OpenProject, plain_status
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.records import Status
from napari_hydrapicker.project.settings import PickSettings, read_settings

PIXEL_SIZES = (0.1, 50.0)  # Angstrom: what a micrograph can have, binned or not
_SAME = 1 / 4  # of the diameter: centres nearer than this are of one particle
_UNKNOWN_DIAMETER = 1 / 25  # of the shorter side, where the pixel size is unknown


class Session(OpenProject):
    """An open project with its picks and settings, as the widgets show it.

    Parameters
    ----------
    fresh : callable, optional
        Returns the settings that a new project begins with; by default those of `PickSettings`.

    Signals
    -------
    settings_changed (frozenset of str)
        Names of the settings that changed.
    """

    settings_changed = Signal(frozenset)

    def __init__(self, fresh: Callable[[], PickSettings] = PickSettings) -> None:
        super().__init__()
        self.passing = False
        self._fresh = fresh
        self.settings = fresh()
        self._foreign: dict[str, Any] = {}  # settings of a newer version, which stay in the project

    def use(self, project: Project, passing: bool = False) -> None:
        """Show a project, in place of the one shown so far, as it was when last closed.

        A new one begins with fresh settings, or with those that were made while none was open. One that is
        `passing` has not been saved by the user.
        """
        self.close()
        self._project, self.passing = project, passing
        try:
            self._read_settings()
            self._read_labels(project)
            self._read_records()
            last = project.setting("current", None)
        except ProjectError:
            self.close()  # what cannot be shown must not stay locked
            raise
        first = next(iter(self._records), None)
        self.settings_changed.emit(frozenset(PickSettings.model_fields))
        self.set_current(last if last in self._records else first)

    def close(self) -> None:
        """Close the project; everything is in its file already."""
        if self._project is None:
            return
        self._project.close()
        self._project, self._records = None, {}
        self.passing = False
        self._forget_labels()
        self.current = None
        self.settings, self._foreign = self._fresh(), {}
        self.micrographs_changed.emit()
        self.current_changed.emit()
        self.settings_changed.emit(frozenset(PickSettings.model_fields))

    def disconnect_all(self) -> None:
        """Tell nobody anything any more: those who listened are going."""
        for signal in (
            self.micrographs_changed,
            self.micrograph_changed,
            self.current_changed,
            self.labels_changed,
            self.settings_changed,
        ):
            signal.disconnect()

    def set_status(self, micrograph_id: int, status: Status) -> None:
        """Mark a micrograph; a complete one keeps the picks that are shown now whatever the slider does."""
        self.project.finish_parts()
        frozen = {number: value for number, value in self._frozen.items() if number != micrograph_id}
        if status is Status.COMPLETE:
            frozen[micrograph_id] = self.settings.threshold_of(self.picker_of(micrograph_id))
        with self.project.transaction():
            self.project.set_status(micrograph_id, status)
            self._write_frozen(frozen)
        self._frozen = frozen
        self._change_record(micrograph_id, status=status)
        self.labels_changed.emit(micrograph_id)

    def unmark(self, micrograph_id: int) -> None:
        """Take back "complete" or "excluded": the status that the picks speak for returns."""
        self.set_status(micrograph_id, plain_status(self.labels(micrograph_id)))

    def set_pixel_size(self, micrograph_ids: Sequence[int], angstrom: float) -> None:
        """Give micrographs another pixel size, Angstrom.

        Raises
        ------
        ParameterError
            If no micrograph can have it.
        """
        low, high = PIXEL_SIZES
        if not low <= angstrom <= high:
            raise ParameterError(
                f"{angstrom:g} Å cannot be a micrograph's pixel size: type a number from {low:g} to {high:g}"
            )
        self.project.set_pixel_size(micrograph_ids, angstrom)
        for number in micrograph_ids:
            self._change_record(number, pixel_size_angstrom=float(angstrom))
        if self.current in micrograph_ids:
            self.settings_changed.emit(frozenset({"diameter_angstrom"}))

    def set_mask(self, micrograph_id: int, mask: EditedMask | None) -> None:
        """Take what the user wants left out on a micrograph, in picking and training; None: it is found."""
        self.project.set_mask(micrograph_id, mask)
        self._change_record(micrograph_id, mask=mask)

    def diameter_px(self, micrograph_id: int) -> float | None:
        """Return the particle's diameter on a micrograph, pixels; None if the pixel size is unknown."""
        pixel = self._records[micrograph_id].pixel_size_angstrom
        return None if pixel is None else self.settings.diameter_angstrom / pixel

    def ring_px(self, micrograph_id: int) -> float:
        """Return the diameter on a micrograph, pixels, or what stands for it where it is unknown."""
        known = self.diameter_px(micrograph_id)
        return known or min(self.record(micrograph_id).shape) * _UNKNOWN_DIAMETER

    def update(self, **changes: Any) -> None:
        """Change settings.

        Raises
        ------
        ParameterError
            If a value is out of its range.
        ProjectError
            If the project cannot be written; for this window the change holds.
        """
        old = self.settings
        self.settings = PickSettings(**{**old.model_dump(), **changes})
        changed = {name for name in changes if getattr(old, name) != getattr(self.settings, name)}
        if not changed:
            return
        if changed & {"thresholds", "suggested"}:
            changed.add("threshold")
        self.settings_changed.emit(frozenset(changed))
        self._foreign = {name: value for name, value in self._foreign.items() if name not in changed}
        if self._project is not None and not self.read_only:
            self.project.set_setting("pick", {**self.settings.model_dump(), **self._foreign})

    @property
    def unknown_settings(self) -> str:
        """Which of the project's settings have words that this version does not know; "" for none."""
        words = [
            f"{PickSettings.model_fields[name].title or name.capitalize()} {value!r:.60}"
            for name, value in self._foreign.items()
            if name in PickSettings.model_fields
        ]
        if not words:
            return ""
        return (
            f"A newer version of HydraPicker has chosen what is unknown here: {', '.join(words)}. The usual "
            "stands in its place, and the choice stays in the project until you make another. Update "
            "HydraPicker to use it"
        )

    def suggest_threshold(self, threshold: float, picker: str) -> None:
        """Take a network's own threshold for its scores; it holds unless the user has chosen one."""
        if self.settings.suggested.get(picker) != threshold:
            self.update(suggested={**self.settings.suggested, picker: threshold})

    @property
    def slider_picker(self) -> str:
        """Whose scores the slider cuts: those of the current micrograph, or those that are to come."""
        current = self.current
        if current is None or not len(self.labels(current)):
            return self.settings.picker_key
        return self.picker_of(current)

    @property
    def slider_threshold(self) -> float:
        """Threshold for these scores."""
        return self.settings.threshold_of(self.slider_picker)

    def set_threshold(self, threshold: float) -> None:
        """Set the threshold for these scores, on all micrographs that have some of the same picker."""
        picker = self.slider_picker
        if picker:
            self.update(thresholds={**self.settings.thresholds, picker: threshold})
        else:
            self.update(threshold=threshold, threshold_chosen=True)

    def threshold(self, micrograph_id: int) -> float:
        """Threshold that holds on a micrograph: that of its scores' picker, or that of its completion."""
        own = self.settings.threshold_of(self.picker_of(micrograph_id))
        return self._frozen.get(micrograph_id, own)

    def shown(self, micrograph_id: int) -> NDArray[np.bool_]:
        """Which of a micrograph's labels (N,) are picks at the threshold."""
        return is_shown(self.labels(micrograph_id), self.threshold(micrograph_id))

    def picks(self, micrograph_id: int) -> Picks:
        """Return the picks shown on a micrograph."""
        return self.labels(micrograph_id).to_picks(self.shown(micrograph_id))

    def count(self, micrograph_id: int) -> int:
        """Return the number of picks shown on a micrograph."""
        return self.counts.count(micrograph_id, self.threshold(micrograph_id))

    def total(self) -> int:
        """Return the number of picks shown on all micrographs but the excluded ones."""
        counted = (r.id for r in self._records.values() if r.status is not Status.EXCLUDED)
        return sum(self.count(number) for number in counted)

    def mean_score(self, micrograph_id: int) -> float:
        """Mean score of the picks shown on a micrograph; NaN if there is none."""
        return self.counts.mean(micrograph_id, self.threshold(micrograph_id))

    def put_picks(self, micrograph_id: int, picks: Picks, picker: str = "") -> None:
        """Take in a picker's answer: it replaces untouched picks and leaves the user's edits.

        `picker` says who made the scores (`PickSettings.picker_key`).
        """
        self.project.finish_parts()
        for _ in self._taking(EditKind.PICK, {micrograph_id: picks}, picker):
            pass

    def import_picks(self, picks: Mapping[int, Picks], picker: str) -> None:
        """Take in picks of another program by micrograph number, all or none, as `put_picks` does.

        One undo takes them back from all micrographs.
        """
        self.project.in_parts(self.importing(picks, picker)).result()

    def importing(self, picks: Mapping[int, Picks], picker: str) -> Generator[None, None, None]:
        """Do what `import_picks` does, micrograph by micrograph: for `Database.in_parts`."""
        yield from self._taking(EditKind.IMPORT, picks, picker)

    def _taking(self, kind: EditKind, picks: Mapping[int, Picks], picker: str) -> Generator[None, None, None]:
        sizes = {number: self._records[number].pixel_size_angstrom or 1.0 for number in picks}
        distance = self.settings.distance_angstrom
        new = {number: (one, distance / sizes[number]) for number, one in picks.items()}
        yield from self._taking_picks(new, kind, picker, self.settings.threshold_of(picker))

    def add(self, micrograph_id: int, yx_px: ArrayLike) -> NDArray[np.int64]:
        """Add picks (N, 2) by hand; returns the numbers of those that were added.

        One on a particle that has a pick, and one outside the micrograph, are left out. A pick that is hidden
        or deleted, and so near that it would be another of the same particle, makes way.

        Raises
        ------
        ParameterError
            If all lie outside the micrograph.
        """
        self.project.finish_parts()
        yx = np.asarray(yx_px, np.float64).reshape(-1, 2)
        inside = self._inside(micrograph_id, yx)
        if len(yx) and not inside.any():
            raise ParameterError("this place is outside the micrograph: no pick was added")
        labels, shown = self.labels(micrograph_id), self.shown(micrograph_id)
        yx = yx[inside & far_from(yx, labels.yx[shown], _SAME * self.ring_px(micrograph_id))]
        if not len(yx):
            return np.empty(0, np.int64)
        return self._add(micrograph_id, yx, self._covered(micrograph_id, labels.where(~shown), yx))

    def move(self, micrograph_id: int, ids: ArrayLike, yx_px: ArrayLike) -> None:
        """Move picks to other centres (N, 2), in the order of `ids` (N,).

        Raises
        ------
        ParameterError
            If one would come to lie outside the micrograph.
        """
        self.project.finish_parts()
        yx = np.asarray(yx_px, np.float64).reshape(-1, 2)
        if not self._inside(micrograph_id, yx).all():
            raise ParameterError("a pick would be outside the micrograph: nothing was moved")
        hidden = self.labels(micrograph_id).where(~self.shown(micrograph_id)).without(ids)
        self._move(micrograph_id, ids, yx, self._covered(micrograph_id, hidden, yx))

    def _inside(self, micrograph_id: int, yx: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which places (N, 2) are on a micrograph."""
        return np.asarray(
            ((yx >= -0.5) & (yx < np.array(self.record(micrograph_id).shape) - 0.5)).all(axis=1)
        )

    def _covered(self, micrograph_id: int, hidden: Labels, yx: NDArray[np.float64]) -> Labels:
        """Those of the hidden picks that lie on a place (N, 2), nearer than two picks may be."""
        share = self.settings.distance_angstrom / self.settings.diameter_angstrom
        return hidden.where(~far_from(hidden.yx, yx, share * self.ring_px(micrograph_id)))

    def _read_settings(self) -> None:
        """Take the project's settings, or give it those at hand."""
        stored = self.project.setting("pick", None)
        try:
            if stored is not None:
                self.settings, self._foreign = read_settings(stored)
            elif not self.read_only:
                self.project.set_setting("pick", self.settings.model_dump())
        except (ParameterError, TypeError, AttributeError) as error:
            raise ProjectError(f"{self.project.path}: its settings are damaged ({error})") from None
