"""What a head's file says about it."""

from __future__ import annotations

from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.heads.names import check_head_name

HEAD_FORMAT: Final = "napari-hydrapicker head"
HEAD_FORMAT_VERSION: Final = 1
GENERIC: Final = "generic"
OF_MARKS: Final = "_marks"
"""In the name of a figure after what it was measured on: of some marks there, not of all particles."""
_FROZEN = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class MicrographUse(BaseModel):
    """A micrograph that a head was made with.

    Attributes
    ----------
    name
        The micrograph's.
    sha256
        Of its file, so that it is known again under another name.
    use
        Whether it was trained on, or validated the head.
    particles
        Number of marked particles.
    """

    model_config = _FROZEN

    name: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    use: Literal["training", "validation"]
    particles: int = Field(ge=0)


class HeadRecord(BaseModel):
    """What must be known to use a head, and how it came to be.

    Attributes
    ----------
    name
        Of the head; never that of the generic one.
    diameter_angstrom, pixel_size_angstrom
        Of the particle and of the micrographs; the second None where they differ.
    created
        Date and time, ISO 8601, UTC.
    parent
        SHA-256 of the body that the head was trained on (`weights.body_hash`); it fits no other.
    kind, channels, groups, dropout
        The network's architecture.
    preprocessing
        Settings with which images were prepared.
    calibration
        ``(a, b)`` of ``probability = sigmoid(a * logit + b)``, ``a > 0``.
    threshold
        Probability from which on a pick is shown by default.
    micrographs
        What it was made with.
    figures_before, figures_after
        Figures of merit by name, of the head that it started from and of its own.
    training
        Parameters, steps, time.
    partial
        Whether some micrographs had unmarked particles.
    """

    model_config = _FROZEN

    format: Literal["napari-hydrapicker head"] = HEAD_FORMAT
    format_version: Literal[1] = HEAD_FORMAT_VERSION
    name: str
    diameter_angstrom: float = Field(gt=0)
    pixel_size_angstrom: float | None = Field(default=None, gt=0)
    created: str
    parent: str = Field(pattern="^[0-9a-f]{64}$")
    kind: Literal["thesis", "compact"] = "thesis"
    channels: int = Field(ge=1, le=1024)
    groups: int = Field(ge=1, le=128)
    dropout: float = Field(ge=0, lt=1)
    preprocessing: dict[str, JsonValue] = Field(default_factory=dict)
    calibration: tuple[float, float] = (1.0, 0.0)
    threshold: float = Field(default=0.5, ge=0, le=1)
    micrographs: tuple[MicrographUse, ...] = ()
    figures_before: dict[str, float] = Field(default_factory=dict)
    figures_after: dict[str, float] = Field(default_factory=dict)
    training: dict[str, JsonValue] = Field(default_factory=dict)
    partial: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        try:
            check_head_name(self.name)
        except ParameterError as error:
            raise ValueError(str(error)) from error
        if self.name == GENERIC:
            raise ValueError(f"{GENERIC!r} is the name of the network's own head")
        if self.calibration[0] <= 0:
            raise ValueError("the slope of a calibration must be above 0")
        return self
