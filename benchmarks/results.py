"""Results that are kept: picks of each contender on each set, and what comes of them for each group of sets.

Picks are kept in a folder, a file for each contender and set, called after all that they depend on. Figures
are kept in one JSON file that is small enough to be shared: by it a report shows rows whose picker is not at
hand. A row whose network or micrographs have changed since is shown, as what it is, until it is made anew.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from benchmarks.contenders import Answer, Contender
from benchmarks.serving import Worker
from benchmarks.sets import DataSet
from napari_hydrapicker.evaluation.matching import Criterion, match
from napari_hydrapicker.evaluation.metrics import calibration_table
from napari_hydrapicker.evaluation.report import Sample, evaluate_sets
from napari_hydrapicker.picks import Picks

_POINTS = 40  # of a curve
_DIGITS = 4
CONFIDENT = 0.5


@dataclass(frozen=True)
class Figures:
    """What is known of a contender on a group of sets.

    Attributes
    ----------
    contender, group, made_with
        Whose, on what, with which weights or version.
    key
        All that they depend on, as some digits.
    variant
        The best of several settings, by AP on this very group: a favour to those who have several.
    sets, micrographs, particles
        How many there are.
    ap, aroc, f1, precision, recall
        By boxes that overlap by more than 0.6, of all micrographs pooled; best F1, its precision and recall.
    ap_quarter, f1_quarter
        The same where a pick is right within a quarter of the diameter.
    ece
        Expected calibration error.
    confident
        Picks over 0.5, a micrograph.
    dy, dx
        Mean offset of right picks, working pixels.
    seconds, peak_mb, training_seconds
        Processor time of a micrograph and of training a head; peak memory of the process.
    each
        AP of each set.
    curve, calibration
        (recall, precision) and (mean score, share of right picks, number of picks).
    """

    contender: str
    group: str
    made_with: str
    key: str
    variant: str = ""
    sets: int = 0
    micrographs: int = 0
    particles: int = 0
    ap: float = math.nan
    aroc: float = math.nan
    f1: float = math.nan
    precision: float = math.nan
    recall: float = math.nan
    ap_quarter: float = math.nan
    f1_quarter: float = math.nan
    ece: float = math.nan
    confident: float = math.nan
    dy: float = math.nan
    dx: float = math.nan
    seconds: float = math.nan
    peak_mb: float = math.nan
    training_seconds: float = 0.0
    note: dict[str, float] = field(default_factory=dict)
    each: dict[str, float] = field(default_factory=dict)
    curve: tuple[tuple[float, float], ...] = ()
    calibration: tuple[tuple[float, float, int], ...] = ()

    @property
    def mean_ap(self) -> float:
        """Mean of the sets' APs, as each set counts as much as another."""
        return float(np.mean(list(self.each.values()))) if self.each else math.nan


class Results:
    """Figures in a JSON file, by contender and group.

    Parameters
    ----------
    path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.figures = self._stored()

    def _stored(self) -> dict[tuple[str, str], Figures]:
        rows = json.loads(self.path.read_text()) if self.path.exists() else []
        return {(row["contender"], row["group"]): _read(row) for row in rows}

    def get(self, contender: str, group: str) -> Figures | None:
        """What is known, old or new."""
        return self.figures.get((contender, group))

    def put(self, figures: Figures) -> None:
        """Keep figures in the place of older ones; the file is written whole or not at all.

        Several runs may keep figures in one file at the same time.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.path.with_name(f".{self.path.name}.lock")):
            self.figures = {**self._stored(), (figures.contender, figures.group): figures}
            rows = [_shown(self.figures[key]) for key in sorted(self.figures)]
            part = self.path.with_name(f".{self.path.name}.part")
            part.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
            os.replace(part, self.path)


def _read(row: dict[str, object]) -> Figures:
    made = {name: math.nan if value is None else value for name, value in row.items()}
    return Figures(**made)  # type: ignore[arg-type]


def _shown(figures: Figures) -> dict[str, object]:
    """As JSON, which knows no NaN; short."""
    shown: dict[str, object] = {}
    for name, value in asdict(figures).items():
        if isinstance(value, float):
            shown[name] = round(value, _DIGITS) if math.isfinite(value) else None
        elif isinstance(value, dict):
            shown[name] = {key: round(number, _DIGITS) for key, number in value.items()}
        else:
            shown[name] = value
    return shown


def kept_answer(
    folder: Path, contender: Contender, one: DataSet, worker: Worker, anew: bool = False
) -> Answer:
    """The picks of a contender on a set, those of an earlier run if nothing has changed."""
    path = folder / f"{contender.name}_{one.name}_{contender.key(one)}.npz"
    if path.exists() and not anew:
        return _load(path)
    made = contender.pick(one, worker)
    folder.mkdir(parents=True, exist_ok=True)
    _save(path, made)
    return made


def _save(path: Path, made: Answer) -> None:
    arrays: dict[str, NDArray[np.float64]] = {}
    listed = []
    for variant, some in made.variants.items():
        for name, picks in some.items():
            arrays[f"a{len(listed)}"] = np.column_stack([picks.yx, picks.score])
            listed.append((variant, name))
    about = {"listed": listed, "seconds": made.seconds, "peak_mb": made.peak_mb,
             "training_seconds": made.training_seconds}  # fmt: skip
    part = path.with_name(f".{path.stem}.part.npz")
    np.savez_compressed(part, about=np.array(json.dumps(about)), **arrays)  # type: ignore[arg-type]
    os.replace(part, path)


def _load(path: Path) -> Answer:
    with np.load(path) as file:
        about = json.loads(str(file["about"]))
        variants: dict[str, dict[str, Picks]] = {variant: {} for variant in about["seconds"]}
        for i, (variant, name) in enumerate(about["listed"]):
            table = file[f"a{i}"]
            variants[variant][name] = Picks(table[:, :2], table[:, 2])
    return Answer(variants, about["seconds"], about["peak_mb"], about["training_seconds"])


def group_key(contender: Contender, sets: Sequence[DataSet]) -> str:
    """All that the figures of a group depend on."""
    return "-".join(contender.key(one)[:6] for one in sets)


def figures_of(contender: Contender, sets: Sequence[DataSet], answers: Sequence[Answer]) -> Figures:
    """Score the picks of a group of sets; of several variants the one with the best pooled AP."""
    group = sets[0].group
    best: Figures | None = None
    for variant in answers[0].variants:
        samples = [
            sample for one, answer in zip(sets, answers, strict=True)
            for sample in one.samples(answer.variants.get(variant, {}))
        ]  # fmt: skip
        confident = np.mean([(np.asarray(one.picks.score) > CONFIDENT).sum() for one in samples])
        about = {
            "contender": contender.name, "group": group, "made_with": contender.made_with,
            "key": group_key(contender, sets), "variant": variant, "sets": len(sets),
            "micrographs": len(samples), "particles": sum(len(one.truth) for one in samples),
            "seconds": _mean(answer.seconds[variant] for answer in answers),
            "peak_mb": max(answer.peak_mb for answer in answers),
            "training_seconds": _mean(answer.training_seconds for answer in answers),
            "confident": float(confident) if contender.has_probabilities else math.nan,
            "note": {name: _mean(one.note[name] for one in sets) for name in sets[0].note},
        }  # fmt: skip
        made = Figures(**about, **_scores(samples, contender.has_probabilities))  # type: ignore[arg-type]
        if best is None or made.ap > best.ap:
            best = made
    assert best is not None
    return best


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def _scores(samples: Sequence[Sample], has_probabilities: bool) -> dict[str, object]:
    if not any(len(one.truth) for one in samples):
        return {}
    made = evaluate_sets(samples)
    box, quarter = (made.pooled.by[criterion] for criterion in (Criterion.IOU, Criterion.QUARTER))
    return {
        "ap": box.ap, "aroc": box.aroc, "f1": box.best.f1, "precision": box.best.precision,
        "recall": box.best.recall, "ap_quarter": quarter.ap, "f1_quarter": quarter.best.f1,
        "ece": box.calibration_error if has_probabilities else math.nan,
        "dy": box.offset_wpx[0], "dx": box.offset_wpx[1],
        "each": {one.name: one.by[Criterion.IOU].ap for one in made.sets},
        "curve": _thinned(box.curve.recall, box.curve.precision),
        "calibration": _calibration(samples) if has_probabilities else (),
    }  # fmt: skip


def _thinned(recall: NDArray[np.float64], precision: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    """Some points of a curve, even along it."""
    chosen = np.unique(np.linspace(0, len(recall) - 1, 8 * _POINTS).astype(int)) if len(recall) else []
    points = np.column_stack([recall, precision])[chosen]
    if len(points) > _POINTS:
        along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
        points = points[
            np.unique(np.searchsorted(along, np.linspace(0, along[-1], _POINTS)).clip(max=len(points) - 1))
        ]
    return tuple((round(float(r), 3), round(float(p), 3)) for r, p in points)


def _calibration(samples: Sequence[Sample]) -> tuple[tuple[float, float, int], ...]:
    score, is_true = [], []
    for one in samples:
        matched = match(one.picks.yx, one.picks.score, one.truth.yx, one.diameter_px, Criterion.IOU)
        counts = one.inside(one.picks.yx)
        score.append(np.asarray(one.picks.score)[counts])
        is_true.append(matched.is_true[counts])
    table = calibration_table(np.concatenate(score), np.concatenate(is_true))
    rows = zip(table.mean_score, table.fraction_true, table.count, strict=True)
    return tuple((round(float(s), 3), round(float(t), 3), int(n)) for s, t, n in rows if n)
