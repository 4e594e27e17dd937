"""What of a session can be trained on, and where a correction would teach most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.picking.library import HeadLibrary, user_library
from napari_hydrapicker.picks import Source
from napari_hydrapicker.project.records import MicrographRecord, Status
from napari_hydrapicker.project.session import Session
from napari_hydrapicker.training.annotated_micrograph import AnnotatedMicrograph, held_out

MOST_CLASSIFIED = 12  # micrographs that a head from classes learns from: minutes, on a CPU too
_FLOOR = 0.05  # of probability: what is less likely is no open question
_MARKED = (Source.MANUAL, Source.MOVED)
_DECIDED = (Status.COMPLETE, Status.EXCLUDED)


def head_libraries(session: Session) -> list[HeadLibrary]:
    """Return the project's own library, beside its file, and the user's."""
    if not session.is_open:
        return [user_library()]
    path = session.project.path
    return [HeadLibrary(path.with_name(f"{path.name}-heads")), user_library()]


def corrected_micrographs(session: Session) -> tuple[AnnotatedMicrograph, ...]:
    """Return what is known of the micrographs that the user corrected.

    On complete ones every pick that is shown is a particle, and all else is background. On others only what
    the user added or moved is one, and only what was deleted is none; those without such marks are left
    out, as are those of unknown pixel size. What lies where the user has painted that it be left out is
    neither.
    """
    known = (
        _annotated(session, record, ())
        for record in session.records
        if record.status in (Status.COMPLETE, Status.CORRECTED)
    )
    return tuple(one for one in known if one is not None)


def classified_micrographs(
    session: Session, members: Mapping[int, NDArray[np.int64]], most: int = MOST_CLASSIFIED
) -> tuple[AnnotatedMicrograph, ...]:
    """Return what is known of micrographs by the classes that their picks are in.

    Members that are left are particles; deleted ones, as those of rejected classes are, are none; what is in
    no class counts for nothing. What the user has marked himself holds beside, and a complete micrograph says
    more than any class: there it is as of `corrected_micrographs`.

    Parameters
    ----------
    session
        Excluded micrographs are left out, as are those of unknown pixel size.
    members
        The numbers (N,) of the picks that are in a class, by micrograph.
    most
        How many micrographs at most: complete ones, then those with most of what is no particle.

    Raises
    ------
    ParameterError
        If no class is left, or none is rejected: then there is nothing to learn.
    """
    known = (
        _annotated(session, record, members.get(record.id, ()))
        for record in session.records
        if record.status is not Status.EXCLUDED
    )
    found = [one for one in known if one is not None]
    if not any(len(one.yx) for one in found):
        raise ParameterError("no class is left to learn particles from: undo a rejection, or classify again")
    if not any(len(one.negative_yx) for one in found):
        raise ParameterError(
            "no class is rejected: a head learns from what is no particle; reject the classes of it first"
        )
    found.sort(key=lambda one: (not one.complete, -len(one.negative_yx), -len(one.yx)))
    return tuple(found[:most])


def _annotated(session: Session, record: MicrographRecord, members: ArrayLike) -> AnnotatedMicrograph | None:
    """What is known of a micrograph, the members of classes being particles; None for nothing."""
    complete = record.status is Status.COMPLETE
    if record.pixel_size_angstrom is None:
        return None
    labels = session.labels(record.id)
    marked = np.isin(labels.source, _MARKED) | np.isin(labels.id, members)
    kept = session.shown(record.id) if complete else marked & ~labels.deleted
    deleted = labels.deleted
    if record.mask is not None:
        usable = record.mask.is_usable(labels.yx)
        kept, deleted = kept & usable, deleted & usable
    if not (complete or kept.any() or deleted.any()):
        return None
    return AnnotatedMicrograph(record.micrograph(), labels.yx[kept], labels.yx[deleted], complete)


def held_out_names(corrected: Sequence[AnnotatedMicrograph]) -> tuple[str, ...]:
    """Return the names of those corrected micrographs that a training would hold out."""
    return tuple(corrected[i].micrograph.name for i in held_out(corrected))


def expected_errors(probabilities: ArrayLike, threshold: float) -> float:
    """Share of the picks (N,) at a threshold that are wrong or missing, if the probabilities are right."""
    p = np.asarray(probabilities, np.float64)
    p = p[np.isfinite(p) & (p >= _FLOOR)]
    wrong = np.where(p >= threshold, 1 - p, p).sum()
    return float(wrong / max(1, (p >= threshold).sum()))


def disagreement(before: NDArray[np.float64], after: NDArray[np.float64], distance_px: float) -> float:
    """Share of two sets of picks, (N, 2) and (M, 2), that have no counterpart within a distance."""
    if len(before) == 0 or len(after) == 0:
        return float(len(before) + len(after) > 0)
    lonely = sum(
        int((cKDTree(others).query(picks)[0] > distance_px).sum())
        for picks, others in ((before, after), (after, before))
    )
    return lonely / (len(before) + len(after))


@dataclass(frozen=True)
class Suggestion:
    """A micrograph to correct next, and why.

    Attributes
    ----------
    micrograph_id : int
        Its number.
    errors : float
        Picks that are wrong or missing, as a share of the picks, to be expected from their scores.
    disagreement : float or None
        Share of two heads' picks that only one of them has; None where only one has picked.
    """

    micrograph_id: int
    errors: float
    disagreement: float | None = None

    @property
    def doubt(self) -> float:
        """What a correction could teach, in errors a pick."""
        return self.errors + (self.disagreement or 0.0)


def next_to_correct(
    session: Session, before: Mapping[int, NDArray[np.float64]] | None = None
) -> Suggestion | None:
    """Return the micrograph on which the picker is least certain, or two heads disagree most.

    Parameters
    ----------
    session
        With picked micrographs; complete and excluded ones, and the current one, are not suggested.
    before
        Picks (N, 2) of an earlier head, pixels, on the micrographs that were picked again since.
    """
    found = [
        _doubt(session, record.id, (before or {}).get(record.id))
        for record in session.records
        if record.status not in _DECIDED and record.id != session.current and len(session.labels(record.id))
    ]
    return max(found, key=lambda one: one.doubt, default=None)


def _doubt(session: Session, number: int, before: NDArray[np.float64] | None) -> Suggestion:
    labels = session.labels(number)
    open_to_doubt = (labels.source == Source.PICKER) & ~labels.deleted
    errors = expected_errors(labels.score[open_to_doubt], session.threshold(number))
    diameter_px = session.diameter_px(number)
    if before is None or diameter_px is None:
        return Suggestion(number, errors)
    return Suggestion(number, errors, disagreement(before, session.picks(number).yx, diameter_px / 2))
