"""What the window and its worker process say to one another, as lines of JSON."""

from __future__ import annotations

import json
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.io.edited_mask import EditedMask
from napari_hydrapicker.picking.parameters import SPECS, PickerSpec, PickParameters
from napari_hydrapicker.project.records import CorrectedRef, MicrographRef, PickedRef

_MODELS: tuple[type[BaseModel], ...] = (PickParameters, *SPECS.values())


@dataclass(frozen=True)
class PickRequest:
    """Pick these micrographs, one after the other.

    To `estimate` is to look for the particles' diameter and contrast, and to pick nothing.
    """

    job: int
    micrographs: tuple[MicrographRef, ...]
    parameters: PickParameters
    picker: PickerSpec
    device: str
    estimate: bool = False


@dataclass(frozen=True)
class TrainRequest:
    """Train a head on corrected micrographs, and save it in these libraries, folders all.

    What comes of it is said in the file `note` as well (`status_file.NoteFile`): the training goes on when
    the window is closed.
    """

    job: int
    name: str
    micrographs: tuple[CorrectedRef, ...]
    diameter_angstrom: float
    weights: str | None
    device: str
    libraries: tuple[str, ...]
    replace: bool
    note: str


@dataclass(frozen=True)
class MakeRequest:
    """Train a cGAN picker for particles of this size, and keep it in these libraries, folders all.

    Its backgrounds are particle-free areas of the micrographs. Checkpoints are in the folder `work`: what is
    begun there is gone on with. The number of particles is that on one micrograph, None if it is unknown.
    What comes of it is said in the file `note` as well.
    """

    job: int
    name: str
    micrographs: tuple[MicrographRef, ...]
    diameter_angstrom: float
    number: int | None
    steps: int
    device: str
    libraries: tuple[str, ...]
    work: str
    note: str


@dataclass(frozen=True)
class ClassifyRequest:
    """Sort the picks of these micrographs into 2-D classes, whose averages are written into a folder.

    `classes` is their number, None for one that fits the picks.
    """

    job: int
    micrographs: tuple[PickedRef, ...]
    diameter_angstrom: float
    classes: int | None
    light: bool
    folder: str


LongRequest = TrainRequest | MakeRequest  # goes on when its window is closed
Request = PickRequest | ClassifyRequest | LongRequest


@dataclass(frozen=True)
class Training:
    """How far a training is: of its stage so much is done.

    The stages of a head are "features" and "training", those of a cGAN picker "backgrounds", "training" and
    "testing".

    ``validation_ap`` and ``loss`` are None where they were not measured just now.
    """

    job: int
    stage: str
    done: int
    total: int
    seconds: float
    loss: float | None
    validation_ap: float | None


@dataclass(frozen=True)
class Trained:
    """A head is saved.

    The figures are AP of the head it started from and of its own, on held-out micrographs if
    ``held_out``, else on those that it was trained on; if ``marks_only``, some of these are partial, and the
    figures of the marks alone there. `ap_error` is the standard error of their difference. What else the user
    should know is in the remark.
    """

    job: int
    name: str
    ap_before: float
    ap_after: float
    held_out: bool
    steps: int
    seconds: float
    remark: str = ""
    marks_only: bool = False
    ap_error: float = 0.0


@dataclass(frozen=True)
class Made:
    """A cGAN picker is kept under this name.

    Precision and recall are those on synthetic pairs, None if nothing was found there; `backgrounds` is the
    number of micrographs with particle-free areas.
    """

    job: int
    name: str
    precision: float | None
    recall: float | None
    backgrounds: int
    steps: int
    seconds: float


@dataclass(frozen=True)
class Classifying:
    """How far the classes are: of this step so much is done."""

    job: int
    step: str
    done: int
    total: int


@dataclass(frozen=True)
class ClassFigures:
    """What is known of a class; the resolution is None where its halves have no detail in common."""

    number: int
    size: int
    resolution_angstrom: float | None
    confidence: float
    doubts: tuple[str, ...]


@dataclass(frozen=True)
class Classified:
    """The classes, largest first, with their averages in a file (`classes.mrcs`) in the same order.

    `label` has the number of the class of each pick, by micrograph, in the order of the request.
    """

    job: int
    classes: tuple[ClassFigures, ...]
    label: tuple[tuple[int, ...], ...]
    averages: str


@dataclass(frozen=True)
class Cancel:
    """Stop a job at once; what was picked already stays valid."""

    job: int


@dataclass(frozen=True)
class Ready:
    """The network is loaded on this device; its validation found this threshold to be best.

    What else the user should know of what was loaded is in the remark.
    """

    device: str
    threshold: float
    remark: str = ""


@dataclass(frozen=True)
class Picked:
    """Picks of one micrograph: centres (N, 2), pixels, and probabilities (N,), falling."""

    job: int
    micrograph_id: int
    yx: tuple[tuple[float, float], ...]
    score: tuple[float, ...]
    seconds: float


@dataclass(frozen=True)
class Estimated:
    """The diameter of the particles, Angstrom, and their contrast; None where hardly any is found."""

    job: int
    diameter_angstrom: float | None
    contrast: str


@dataclass(frozen=True)
class Failed:
    """One micrograph cannot be picked; the job goes on."""

    job: int
    micrograph_id: int
    error: str


@dataclass(frozen=True)
class Finished:
    """The job's last message."""

    job: int
    cancelled: bool


@dataclass(frozen=True)
class Broken:
    """The job has ended since the worker is gone, or cannot work at all; in words."""

    text: str


@dataclass(frozen=True)
class TrainingNote:
    """How a training stands, in a file: under way while there is neither an outcome nor a problem."""

    name: str
    progress: Training | None = None
    trained: Trained | None = None
    problem: str | None = None
    made: Made | None = None


Message = (
    PickRequest
    | TrainRequest
    | MakeRequest
    | ClassifyRequest
    | Classifying
    | Classified
    | Cancel
    | Ready
    | Picked
    | Estimated
    | Failed
    | Training
    | Trained
    | Made
    | Finished
    | Broken
    | TrainingNote
)


_TYPES: dict[str, type[Any]] = {kind.__name__: kind for kind in get_args(Message)}
_HINTS: dict[type[Any], dict[str, Any]] = {
    kind: get_type_hints(kind)
    for kind in (*_TYPES.values(), MicrographRef, PickedRef, CorrectedRef, ClassFigures, EditedMask)
}
_HINTS |= {kind: {name: get_type_hints(kind)[name] for name in kind.model_fields} for kind in _MODELS}
_NEEDED = {
    kind: {
        name
        for name in hints
        if (
            kind.model_fields[name].is_required()
            if issubclass(kind, BaseModel)
            else next(one for one in fields(kind) if one.name == name).default is MISSING
        )
    }
    for kind, hints in _HINTS.items()
}


def to_line(message: Message) -> bytes:
    """Return a message as a line of ASCII, whatever its paths are made of.

    Not by pydantic, which refuses the lone surrogates that stand for bytes of a path that are not UTF-8.
    """
    values = {"type": type(message).__name__, **vars(message)}
    return json.dumps(values, default=_plain).encode("ascii") + b"\n"


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else vars(value)


def from_line(line: bytes) -> Message:
    """Read a line.

    Raises
    ------
    ValueError
        If it is no message: something else has written into the pipe, or it was cut.
    """
    try:
        values = json.loads(line)
        message: Message = _made(_TYPES[values.pop("type")], values)
    except (
        KeyError, TypeError, ValueError, AttributeError, RecursionError, ParameterError
    ) as error:  # fmt: skip
        raise ValueError(f"not a message: {line[:80]!r} ({error})") from error
    return message


def _made(kind: type[Any], values: dict[str, Any]) -> Any:
    """Make a dataclass or model from the values of a JSON object, which must be just its own.

    Those that have a default may be missing: a request that waits in a file was written by a version before.
    """
    hints = _HINTS[kind]
    if not _NEEDED[kind] <= values.keys() <= hints.keys():
        raise TypeError(f"{kind.__name__} has fields {list(hints)}, not {list(values)}")
    return kind(**{name: _typed(value, hints[name]) for name, value in values.items()})


def _typed(value: Any, hint: Any) -> Any:
    """Return a JSON value as what the type hint of its field says, or raise TypeError."""
    if hint is float and type(value) is int:  # an integer is a number, but True is none
        return float(value)
    if type(value) is hint:
        return value
    if get_origin(hint) is Literal and value in get_args(hint):  # words, all of them
        return value
    if get_origin(hint) is UnionType:
        return _one_of(value, get_args(hint))
    if hint is Path and type(value) is str:
        return Path(value)
    if get_origin(hint) is tuple and isinstance(value, list):
        return _typed_tuple(value, get_args(hint))
    if hint in _HINTS:
        return _made(hint, value)
    raise TypeError(f"{value!r:.40} is not of type {hint}")


def _one_of(value: Any, hints: tuple[Any, ...]) -> Any:
    """Return a value of a union: of a model's kind, or something or None."""
    if isinstance(value, dict) and "kind" in value:
        kinds = {_HINTS[hint]["kind"]: hint for hint in hints if hint in _MODELS}
        return _made(kinds[Literal[value["kind"]]], value)
    return None if value is None else _typed(value, hints[0])


def _typed_tuple(values: list[Any], hints: tuple[Any, ...]) -> tuple[Any, ...]:
    if hints[-1] is Ellipsis:
        return tuple([_typed(value, hints[0]) for value in values])
    if len(values) != len(hints):
        raise TypeError(f"{len(values)} values, not {len(hints)}")
    return tuple([_typed(value, hint) for value, hint in zip(values, hints, strict=True)])
