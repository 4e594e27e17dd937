"""The messages between the window and its worker process, as lines of JSON.

A message is a dataclass, which pydantic's `TypeAdapter` turns into plain values and back. Numbers are strict:
``"1"`` and ``true`` are none.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, get_args

from pydantic import ConfigDict, StrictBool, StrictFloat, StrictInt, TypeAdapter

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picking.parameters import PickerSpec, PickParameters
from napari_hydrapicker.training.annotated_micrograph import AnnotatedMicrograph


class _Message:
    """Fields that a message does not know are none of ours."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class PickRequest(_Message):
    """Pick these micrographs, by their numbers in the project, one after the other.

    Results are kept in the folder as well: a job that is broken off is gone on with. To `estimate` is to look
    for the particles' diameter and contrast, and to pick nothing.
    """

    job: StrictInt
    micrographs: dict[int, Micrograph]
    parameters: PickParameters
    picker: PickerSpec
    device: str
    folder: Path
    estimate: StrictBool = False


@dataclass(frozen=True)
class TrainRequest(_Message):
    """Train a head on corrected micrographs, and save it in these libraries, folders all.

    What comes of it is written to `folder` as well (`job_directory.JobDirectory`): the training goes on when
    the window is closed.
    """

    job: StrictInt
    name: str
    micrographs: tuple[AnnotatedMicrograph, ...]
    diameter_angstrom: StrictFloat
    weights: str | None
    device: str
    libraries: tuple[str, ...]
    replace: StrictBool
    folder: Path


@dataclass(frozen=True)
class MakeRequest(_Message):
    """Train a cGAN picker for particles of this size, and keep it in these libraries, folders all.

    Its backgrounds are particle-free areas of the micrographs. The number of particles is that on one
    micrograph, None if it is unknown. Checkpoints are in `folder` (`job_directory.JobDirectory`), where a
    training that was begun is resumed; what comes of it is written there as well.
    """

    job: StrictInt
    name: str
    micrographs: tuple[Micrograph, ...]
    diameter_angstrom: StrictFloat
    number: StrictInt | None
    steps: StrictInt
    device: str
    libraries: tuple[str, ...]
    folder: Path


@dataclass(frozen=True)
class ClassifyRequest(_Message):
    """Sort the picks of these micrographs into 2-D classes, whose averages are written into a folder.

    `classes` is their number, None for one that fits the picks.
    """

    job: StrictInt
    micrographs: tuple[AnnotatedMicrograph, ...]
    diameter_angstrom: StrictFloat
    classes: StrictInt | None
    light: StrictBool
    folder: str


LongRequest = TrainRequest | MakeRequest  # goes on when its window is closed
Request = PickRequest | ClassifyRequest | LongRequest


@dataclass(frozen=True)
class Training(_Message):
    """How far a training is: of its stage so much is done.

    The stages of a head are "features" and "training", those of a cGAN picker "backgrounds", "training" and
    "testing".

    ``validation_ap`` and ``loss`` are None where they were not measured just now.
    """

    job: StrictInt
    stage: str
    done: StrictInt
    total: StrictInt
    seconds: StrictFloat
    loss: StrictFloat | None
    validation_ap: StrictFloat | None


@dataclass(frozen=True)
class Trained(_Message):
    """A head is saved.

    The figures are AP of the head it started from and of its own, on held-out micrographs if
    ``held_out``, else on those that it was trained on; if ``marks_only``, some of these are partial, and the
    figures of the marks alone there. `ap_error` is the standard error of their difference. What else the user
    should know is in the remark.
    """

    job: StrictInt
    name: str
    ap_before: StrictFloat
    ap_after: StrictFloat
    held_out: StrictBool
    steps: StrictInt
    seconds: StrictFloat
    remark: str = ""
    marks_only: StrictBool = False
    ap_error: StrictFloat = 0.0


@dataclass(frozen=True)
class Made(_Message):
    """A cGAN picker is kept under this name.

    Precision and recall are those on synthetic pairs, None if nothing was found there; `backgrounds` is the
    number of micrographs with particle-free areas.
    """

    job: StrictInt
    name: str
    precision: StrictFloat | None
    recall: StrictFloat | None
    backgrounds: StrictInt
    steps: StrictInt
    seconds: StrictFloat


@dataclass(frozen=True)
class Classifying(_Message):
    """How far the classes are: of this step so much is done."""

    job: StrictInt
    step: str
    done: StrictInt
    total: StrictInt


@dataclass(frozen=True)
class ClassFigures(_Message):
    """What is known of a class; the resolution is None where its halves have no detail in common."""

    number: StrictInt
    size: StrictInt
    resolution_angstrom: StrictFloat | None
    confidence: StrictFloat
    doubts: tuple[str, ...]


@dataclass(frozen=True)
class Classified(_Message):
    """The classes, largest first, with their averages in a file (`classes.mrcs`) in the same order.

    `label` has the number of the class of each pick, by micrograph, in the order of the request.
    """

    job: StrictInt
    classes: tuple[ClassFigures, ...]
    label: tuple[tuple[StrictInt, ...], ...]
    averages: str


@dataclass(frozen=True)
class Cancel(_Message):
    """Stop a job at once; what was picked already stays valid."""

    job: StrictInt


@dataclass(frozen=True)
class Ready(_Message):
    """The network is loaded on this device; its validation found this threshold to be best.

    What else the user should know of what was loaded is in the remark.
    """

    device: str
    threshold: StrictFloat
    remark: str = ""


@dataclass(frozen=True)
class Picked(_Message):
    """Picks of one micrograph: centres (N, 2), pixels, and probabilities (N,), falling.

    They may be those that an `earlier` job of the same options has found.
    `masked_share` is the share of it that the picker left out, where it says so.
    """

    job: StrictInt
    micrograph_id: StrictInt
    yx: tuple[tuple[StrictFloat, StrictFloat], ...]
    score: tuple[StrictFloat, ...]
    seconds: StrictFloat
    earlier: StrictBool = False
    masked_share: StrictFloat | None = None


@dataclass(frozen=True)
class Estimated(_Message):
    """The diameter of the particles, Angstrom, and their contrast; None where hardly any is found."""

    job: StrictInt
    diameter_angstrom: StrictFloat | None
    contrast: str


@dataclass(frozen=True)
class Failed(_Message):
    """One micrograph cannot be picked; the job goes on."""

    job: StrictInt
    micrograph_id: StrictInt
    error: str


@dataclass(frozen=True)
class Finished(_Message):
    """The job's last message."""

    job: StrictInt
    cancelled: StrictBool


@dataclass(frozen=True)
class Broken(_Message):
    """The job has ended since the worker is gone, or cannot work at all; in words."""

    text: str


@dataclass(frozen=True)
class JobStatus(_Message):
    """How a long job stands, in a file: under way while there is neither an outcome nor a problem."""

    progress: Training | None = None
    outcome: Trained | Made | None = None
    problem: str | None = None


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
    | JobStatus
)


_ADAPTERS: dict[str, TypeAdapter[Any]] = {kind.__name__: TypeAdapter(kind) for kind in get_args(Message)}


def to_line(message: Message) -> bytes:
    """Return a message as a line of ASCII, whatever its paths are made of."""
    kind = type(message).__name__
    values = {"type": kind, **_ADAPTERS[kind].dump_python(message)}
    return json.dumps(values, default=str).encode("ascii") + b"\n"


def from_line(line: bytes) -> Message:
    """Read a line.

    Raises
    ------
    ValueError
        If it is no message: something else has written into the pipe, or it was cut.
    """
    # Not pydantic's own reader of JSON: it refuses the lone surrogates that stand for bytes of a path.
    try:
        values = json.loads(line)
        kind = values.pop("type")
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ValueError(f"not a message: {line[:80]!r} ({error})") from error
    try:
        message: Message = _ADAPTERS[kind].validate_python(values)
    except (
        KeyError, TypeError, ValueError, AttributeError, RecursionError, ParameterError
    ) as error:  # fmt: skip
        raise ValueError(
            f"not a message of this version of HydraPicker, perhaps of a newer one: {line[:80]!r} ({error})"
        ) from error
    return message
