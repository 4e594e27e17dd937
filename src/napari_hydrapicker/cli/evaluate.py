"""`hydrapicker evaluate`: score picks against known particle positions."""

from __future__ import annotations

import fnmatch
import json as json_writer
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from napari_hydrapicker.cli.coordinate_reading import Shape, ShowMatch, parse_shape, warn_of_frame
from napari_hydrapicker.cli.inputs import doubt_pixel_size
from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.evaluation.frame_notes import frame_notes
from napari_hydrapicker.evaluation.matching import Criterion
from napari_hydrapicker.evaluation.micrograph_sizes import Scales, read_summaries
from napari_hydrapicker.evaluation.report import (
    LABELS,
    Evaluation,
    Sample,
    evaluate_sets,
    headline_rows,
    number,
    pr_plot,
    scores_table,
)
from napari_hydrapicker.io.coordinates.folder import Key, read_folder
from napari_hydrapicker.io.names import match_names
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.wording import shortened

_LISTED = 5
_ANY_COLUMNS = 10_000


def evaluate(
    picks: Annotated[Path, typer.Option(help="Folder (or file) with the picks, in any format we read.")],
    truth: Annotated[Path, typer.Option(help="Folder (or file) with the known particle positions.")],
    diameter: Annotated[float, typer.Option(help="Particle diameter, Angstrom.")],
    pixel_size: Annotated[
        float | None,
        typer.Option(help="Pixel size, Angstrom; default: the micrographs' own, or what picking noted."),
    ] = None,
    micrographs: Annotated[
        list[str] | None,
        typer.Option(help="The micrographs, for their sizes: files, folders or patterns; repeatable."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="NAME=PATTERN of micrograph names; repeatable. Default: sub-folders."),
    ] = None,
    border: Annotated[float, typer.Option(help="Ignore what lies this near to an edge, Angstrom.")] = 0.0,
    plot: Annotated[Path | None, typer.Option(help="Draw the precision-recall curves here (PNG).")] = None,
    json: Annotated[Path | None, typer.Option(help="Write all numbers here, by micrograph too.")] = None,
    micrograph_shape: Shape = None,
    match: ShowMatch = False,
    by_micrograph: Annotated[bool, typer.Option("--by-micrograph", help="List every micrograph.")] = False,
) -> None:
    """Score picks against known particle positions: AP, AROC, F1, offset, calibration.

    Picks and truth are paired by the micrograph's name. AP and AROC need the picks down to a low
    confidence: pick with --threshold 0.
    """
    set_of = _set_namer(set_ or [])
    for path in (picks, truth):
        if not path.exists():
            raise ParameterError(f"{path}: no such file or folder")
    scales = Scales(micrographs or [], pixel_size, read_summaries(picks), parse_shape(micrograph_shape))
    doubt_pixel_size(scales.micrographs, pixel_size)
    if border and not scales.knows_shapes:
        raise ParameterError("--border needs the micrographs' sizes: give --micrographs too")
    picked, known = read_folder(picks, scales.shape_of), read_folder(truth, scales.shape_of)
    pairing = match_names({key: key.path for key in picked}, {key: key.path for key in known})
    pairing.check_unambiguous("picks", "true particles")
    if not pairing.pairs:
        raise ParameterError(
            f"no micrograph has both picks and truth: {picks} has those of {_names(list(picked))}; "
            f"{truth} those of {_names(list(known))}"
        )
    for line in pairing.lines("picks", "true particles") if match else []:
        typer.echo(line)
    lacking = [pair for pair in pairing.pairs if scales.lacks(pair)]
    pairs = [pair for pair in pairing.pairs if pair not in lacking]
    if not pairs:
        raise ParameterError(
            f"--micrographs: none is called {_names([theirs for _, theirs in lacking])}: check what it names"
        )
    samples = []
    for ours, theirs in pairs:
        shape, size = scales.of((theirs, ours), picked[ours], known[theirs])
        set_name = set_of(theirs.name, theirs.data_set or ours.data_set)
        sample = Sample(theirs.name, set_name, picked[ours], known[theirs], shape, size, diameter, border)
        samples.append(sample)
    _doubt(scales, pairs, picked, known, picks, truth)
    evaluation = evaluate_sets(samples)
    notes = [f"no micrograph for {_names([key for key, _ in lacking])}: skipped"] if lacking else []
    notes += _unused(set_ or [], {one.set_name for one in samples})
    notes += pairing.skipped("picks", "true particles") + frame_notes(samples, scales.knows_shapes)
    _print(evaluation, by_micrograph, notes + _notes(scales))
    if plot is not None:
        _plot(evaluation, plot)
    if json is not None:
        _write_json(evaluation, json)


def _set_namer(options: Sequence[str]) -> Callable[[str, str], str]:
    """Return the function from a micrograph's name and sub-folder to its data set."""
    patterns: list[tuple[str, str]] = []
    for option in options:
        name, _, pattern = option.partition("=")
        if not (name and pattern):
            raise ParameterError(f"--set {option}: give NAME=PATTERN, such as 10017='Falcon_*'")
        patterns.append((name, pattern))

    def set_of(micrograph: str, folder: str) -> str:
        for name, pattern in patterns:
            if fnmatch.fnmatchcase(micrograph, pattern):
                return name
        return folder or ("others" if patterns else "all")

    return set_of


def _unused(options: Sequence[str], found: Collection[str]) -> list[str]:
    """Say which sets hold no micrograph: their patterns are probably mistyped."""
    unused = [option for option in options if option.partition("=")[0] not in found]
    return [f"--set {option}: no micrograph is called so" for option in unused]


def _doubt(
    scales: Scales,
    pairs: Sequence[tuple[Key, Key]],
    picked: Mapping[Key, Picks],
    known: Mapping[Key, Picks],
    picks: Path,
    truth: Path,
) -> None:
    """Hold both sides against the micrographs, if there are some."""
    found = [(scales.micrograph((theirs, ours)), ours, theirs) for ours, theirs in pairs]
    opened = [(one, ours, theirs) for one, ours, theirs in found if one is not None]
    how = "convert them first: hydrapicker convert {path} OUT --micrographs ... {{options}}"
    for path, samples in (
        (picks, [(one, picked[ours]) for one, ours, _ in opened]),
        (truth, [(one, known[theirs]) for one, _, theirs in opened]),
    ):
        warn_of_frame(path, samples, how=how.format(path=path))


def _notes(scales: Scales) -> list[str]:
    if scales.knows_shapes:
        return []
    return ["for AROC a micrograph ends at its outermost coordinate, unless you give --micrographs"]


def _names(keys: Sequence[Key]) -> str:
    return shortened((key.label for key in keys), _LISTED) or "nothing"


def _print(evaluation: Evaluation, by_micrograph: bool, notes: Sequence[str]) -> None:
    table = scores_table(evaluation, by_micrograph)
    # Numbers are not cut off in a narrow terminal, nor in a pipe, which has no width of its own.
    needed = Console(width=_ANY_COLUMNS).measure(table).maximum
    wide = Console(width=max(Console().width, needed))
    wide.print(table)
    for note in notes:
        wide.print(f"Note: {note}", markup=False, highlight=False, soft_wrap=True)


def _plot(evaluation: Evaluation, path: Path) -> None:
    curves = {}
    for scores in headline_rows(evaluation):
        by = scores.by[Criterion.IOU]
        curves[f"{scores.name}: AP {number(by.ap)}"] = by.curve
    pr_plot(path, curves, f"Precision and recall, {LABELS[Criterion.IOU]}")


def _write_json(evaluation: Evaluation, path: Path) -> None:
    try:
        path.write_text(json_writer.dumps(evaluation.as_dict(), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise ParameterError(f"{path}: cannot be written ({error.strerror or error})") from error
