"""Scoring picks against known particles by one call."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from napari_hydrapicker.errors import ParameterError, check_positive
from napari_hydrapicker.evaluation.report import Evaluation, Sample, evaluate_sets
from napari_hydrapicker.io.lists import MicrographsLike, open_given
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.io.names import NameFinder, match_names
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.wording import shortened

_SET = "all"
_ONE = "micrograph"


def evaluate(
    picks: Picks | Mapping[str, Picks],
    truth: Picks | Mapping[str, Picks],
    diameter_angstrom: float,
    micrographs: MicrographsLike | None = None,
    *,
    pixel_size_angstrom: float | None = None,
    border_angstrom: float = 0.0,
) -> Evaluation:
    """Score picks against known particle positions.

    The average precision needs the picks down to a low score: pick with ``threshold=0``.

    Parameters
    ----------
    picks, truth : Picks, or mapping of str to Picks
        What was picked, and where the particles are: of one micrograph, or of several by their names, which
        are matched as everywhere.
    diameter_angstrom : float
        The particle's longest diameter.
    micrographs : Micrograph, path, or a sequence of them, optional
        For sizes and pixel sizes. Without them a micrograph ends at its outermost position, which only AROC
        notices.
    pixel_size_angstrom : float, optional
        Angstrom per pixel: takes precedence over the micrographs' own.
    border_angstrom : float
        Ignore particles nearer than this to an edge, and the picks of them.

    Returns
    -------
    Evaluation
        Its `ap`, `aroc`, `f1` and `best` are those of all micrographs together, a pick being right if its
        box and the particle's overlap by more than 0.6; `micrographs` and `pooled` hold all numbers.

    Raises
    ------
    ParameterError
        If a parameter is missing or out of its range, or no micrograph has both picks and truth.

    Examples
    --------
    >>> truth = Picks([[100.0, 200.0], [300.0, 80.0]])
    >>> picks = Picks([[101.0, 199.0], [20.0, 30.0], [299.0, 80.0]], [0.9, 0.6, 0.8])
    >>> scores = evaluate(picks, truth, diameter_angstrom=180, pixel_size_angstrom=3)
    >>> scores
    <Evaluation of 1 micrograph: AP 1.000, AROC 1.000, F1 1.000>
    >>> round(scores.best.threshold, 2)
    0.8
    """
    check_positive(diameter_angstrom=diameter_angstrom, pixel_size_angstrom=pixel_size_angstrom)
    if not (math.isfinite(border_angstrom) and border_angstrom >= 0):
        raise ParameterError(f"`border_angstrom`: {border_angstrom:g} is not 0 or more")
    known = open_given(micrographs)
    if border_angstrom and not known:
        raise ParameterError("`border_angstrom`: needs the micrographs, to know where their edges are")
    if isinstance(picks, Picks) is not isinstance(truth, Picks):
        raise ParameterError("`truth`: give it as the picks, of one micrograph or of several by their names")
    if isinstance(picks, Picks) and isinstance(truth, Picks):
        if len(known) > 1:
            raise ParameterError(f"`micrographs`: {len(known)} for the picks of one; give that one")
        name = known[0].name if known else _ONE
        picks, truth = {name: picks}, {name: truth}
    assert isinstance(picks, Mapping)
    assert isinstance(truth, Mapping)
    match = match_names({name: name for name in picks}, {name: name for name in truth})
    match.check_unambiguous("picks", "true particles")
    if not match.pairs:
        raise ParameterError(
            "`truth`: no micrograph has both picks and true particles; picks are of "
            f"{shortened(picks) or 'nothing'}, true particles of {shortened(truth) or 'nothing'}"
        )
    finder = NameFinder({i: one.full_name for i, one in enumerate(known)})
    samples = []
    for ours, theirs in match.pairs:
        micrograph = _found(finder, known, theirs) if known else None
        size = pixel_size_angstrom or (micrograph.pixel_size_angstrom if micrograph else None)
        if size is None:
            raise ParameterError(f"`pixel_size_angstrom`: that of {theirs} is not known; give it in Angstrom")
        shape = micrograph.shape if micrograph else _reach(picks[ours], truth[theirs])
        samples.append(
            Sample(theirs, _SET, picks[ours], truth[theirs], shape, size, diameter_angstrom, border_angstrom)
        )
    return evaluate_sets(samples)


def _found(finder: NameFinder[int], known: list[Micrograph], name: str) -> Micrograph:
    found = finder.candidates(name)
    if len(found) != 1:
        what = "none" if not found else f"{len(found)}"
        raise ParameterError(f"`micrographs`: {what} of them could be {name}")
    return known[found[0]]


def _reach(*lists: Picks) -> tuple[int, int]:
    rows, cols = np.concatenate([*(one.yx for one in lists), [[0.0, 0.0]]]).max(axis=0).tolist()
    return math.floor(rows) + 1, math.floor(cols) + 1
