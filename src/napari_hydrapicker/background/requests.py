"""What the window asks its worker process for."""

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

    Of the lengths None stands for what follows from the diameter, of weights and generator for the bundled
    ones. Weights, head and libraries are HydraPicker's, the generator's file is the cGAN picker's. A
    consensus is one of `joined` and, if there is such a file or folder, of the picks `imported`; a pick is
    kept that has so many `votes`. To `estimate` is to look for the particles' diameter with HydraPicker's
    generic head, and to pick nothing.
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
    picker: Literal["hydra", "cgan", "consensus"] = "hydra"
    generator: str | None = None
    joined: tuple[Literal["hydra", "cgan"], ...] = ()
    imported: str | None = None
    votes: int = 1
    contrast: Literal["auto", "dark", "light"] = "auto"
    quality: Literal["fast", "best"] = "fast"
    estimate: bool = False


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


LongRequest = TrainRequest | MakeRequest  # goes on when its window is closed
Request = PickRequest | LongRequest
