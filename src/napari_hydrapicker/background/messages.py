"""What the window and its worker process say to one another."""

from __future__ import annotations

from dataclasses import dataclass

from napari_hydrapicker.background.requests import (
    CorrectedRef,
    LongRequest,
    MakeRequest,
    MicrographRef,
    PickRequest,
    Request,
    TrainRequest,
)

__all__ = [
    "Broken",
    "Cancel",
    "CorrectedRef",
    "Estimated",
    "Failed",
    "Finished",
    "LongRequest",
    "Made",
    "MakeRequest",
    "Message",
    "MicrographRef",
    "PickRequest",
    "Picked",
    "Ready",
    "Request",
    "TrainRequest",
    "Trained",
    "Training",
    "TrainingNote",
]


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
