"""What the window and its worker process say to one another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class MicrographRef:
    """A micrograph to be picked: frame `frame`, from 0, of the file at `path`."""

    id: int
    path: str
    frame: int
    pixel_size_angstrom: float


@dataclass(frozen=True)
class PickRequest:
    """Pick these micrographs, one after the other.

    Of the lengths None stands for what follows from the diameter, of the weights for the bundled network.
    Weights, head and libraries are HydraPicker's: the cGAN picker takes the bundled generator.
    """

    job: int
    micrographs: tuple[MicrographRef, ...]
    diameter_angstrom: float
    weights: str | None
    head: str
    device: str
    border_angstrom: float | None
    use_mask: bool
    min_distance_angstrom: float | None
    libraries: tuple[str, ...] = ()  # folders with heads, beside the user's own
    picker: Literal["hydra", "cgan"] = "hydra"


@dataclass(frozen=True)
class CorrectedRef:
    """A corrected micrograph: particles (N, 2) and deleted picks (M, 2), (row, column), pixels."""

    micrograph: MicrographRef
    yx: tuple[tuple[float, float], ...]
    negative_yx: tuple[tuple[float, float], ...]
    complete: bool


@dataclass(frozen=True)
class TrainRequest:
    """Train a head on corrected micrographs, and save it in these libraries, folders all.

    What comes of it is said in the file `note` as well (`note.NoteFile`): the training goes on when the
    window is closed.
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
class Training:
    """How far a training is: of "features", then of "training", so much is done.

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
    ``held_out``, else on those that it was trained on.
    """

    job: int
    name: str
    ap_before: float
    ap_after: float
    held_out: bool
    steps: int
    seconds: float


@dataclass(frozen=True)
class Cancel:
    """Stop a job at once; what was picked already stays valid."""

    job: int


@dataclass(frozen=True)
class Ready:
    """The network is loaded on this device; its validation found this threshold to be best."""

    device: str
    threshold: float


@dataclass(frozen=True)
class Picked:
    """Picks of one micrograph: centres (N, 2), pixels, and probabilities (N,), falling."""

    job: int
    micrograph_id: int
    yx: tuple[tuple[float, float], ...]
    score: tuple[float, ...]
    seconds: float


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
    """How a training stands, in a file: under way while there is neither a head nor a problem."""

    name: str
    progress: Training | None = None
    trained: Trained | None = None
    problem: str | None = None


Request = PickRequest | TrainRequest
Message = (
    PickRequest
    | TrainRequest
    | Cancel
    | Ready
    | Picked
    | Failed
    | Training
    | Trained
    | Finished
    | Broken
    | TrainingNote
)
