"""What the window and its worker process say to one another: one line of JSON a message."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class MicrographRef:
    """A micrograph to be picked."""

    id: int
    path: str
    frame: int
    pixel_size_angstrom: float


@dataclass(frozen=True)
class PickRequest:
    """Pick these micrographs, one after the other."""

    job: int
    micrographs: tuple[MicrographRef, ...]
    diameter_angstrom: float
    weights: str | None
    head: str
    device: str
    border_angstrom: float | None
    use_mask: bool
    min_distance_angstrom: float | None


@dataclass(frozen=True)
class Cancel:
    """Stop a job after the micrograph that is under way."""

    job: int


@dataclass(frozen=True)
class Ready:
    """The network is loaded on this device; its validation found this threshold to be best."""

    device: str
    threshold: float


@dataclass(frozen=True)
class Picked:
    """Picks of one micrograph: centres (N, 2), pixels, and probabilities (N,)."""

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
    """The worker process is gone, or cannot work at all; in words."""

    text: str


Message = PickRequest | Cancel | Ready | Picked | Failed | Finished | Broken
_TYPES: dict[str, type[Any]] = {
    kind.__name__: kind for kind in (PickRequest, Cancel, Ready, Picked, Failed, Finished, Broken)
}


def to_line(message: Message) -> bytes:
    """Return a message as a line."""
    return json.dumps({"type": type(message).__name__, **asdict(message)}).encode() + b"\n"


def from_line(line: bytes) -> Message:
    """Read a line.

    Raises
    ------
    ValueError
        If it is no message: something else has written into the pipe.
    """
    try:
        fields = json.loads(line)
        kind = _TYPES[fields.pop("type")]
        if kind is PickRequest:
            fields["micrographs"] = tuple(MicrographRef(**one) for one in fields["micrographs"])
        if kind is Picked:
            fields["yx"] = tuple((y, x) for y, x in fields["yx"])
            fields["score"] = tuple(fields["score"])
        message: Message = kind(**fields)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"not a message: {line[:80]!r}") from error
    return message
