"""What a network file says about itself, beside the weights."""

from __future__ import annotations

from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.hydra.head_record import HeadRecord, check_head_name
from napari_hydrapicker.hydra.network import GENERIC, Architecture

FORMAT: Final = "napari-hydrapicker"
FORMAT_VERSION: Final = 4  # 1 is the thesis' network; 2 and 3, differences of it, are no longer read


class Metadata(BaseModel):
    """What must be known to use a network, and where it came from.

    Attributes
    ----------
    architecture
        Sizes of the layers.
    diameter_wpx
        Length of a particle, in pixels of the images that the network takes.
    heads
        Names of the heads, ``generic`` among them.
    calibration
        For each calibrated head ``(a, b)`` of ``probability = sigmoid(a * logit + b)``, ``a > 0``.
    thresholds
        For each head the probability from which on a pick is shown by default.
    preprocessing
        Settings with which images were prepared in training, and must be in picking.
    training
        Provenance: data sets, losses' weights, steps, whatever tells how the network came to be.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    format: Literal["napari-hydrapicker"] = FORMAT
    format_version: Literal[1, 4] = 1
    architecture: Architecture = Architecture()
    diameter_wpx: Literal[21] = 21
    heads: tuple[str, ...] = Field(default=(GENERIC,), max_length=1000)
    calibration: dict[str, tuple[float, float]] = Field(default_factory=dict)
    thresholds: dict[str, float] = Field(default_factory=dict)
    preprocessing: dict[str, JsonValue] = Field(default_factory=dict)
    training: dict[str, JsonValue] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if GENERIC not in self.heads or len(set(self.heads)) < len(self.heads):
            raise ValueError(f"heads must hold {GENERIC!r}, and each name once, not {self.heads}")
        for name in self.heads:
            try:
                check_head_name(name)
            except ParameterError as error:
                raise ValueError(str(error)) from error
        unknown = {*self.calibration, *self.thresholds} - set(self.heads)
        if unknown:
            raise ValueError(f"it speaks of heads that are not there: {sorted(unknown)}")
        if self.architecture.kind != "thesis" and self.format_version < 4:
            raise ValueError("the compact architecture: since format 4")
        if any(slope <= 0 for slope, _ in self.calibration.values()):
            raise ValueError("the slope of a calibration must be above 0")
        if any(not 0 <= threshold <= 1 for threshold in self.thresholds.values()):
            raise ValueError("thresholds must be between 0 and 1")
        return self

    def only(self, heads: tuple[str, ...]) -> Metadata:
        """The same for a network of which only `heads` are kept."""
        return self.model_copy(
            update={
                "heads": heads,
                "calibration": {k: v for k, v in self.calibration.items() if k in heads},
                "thresholds": {k: v for k, v in self.thresholds.items() if k in heads},
            }
        )

    def with_head(self, record: HeadRecord) -> Metadata:
        """The same for a network with a head added: its images are prepared as the head wants them."""
        return self.model_copy(
            update={
                "heads": (*self.heads, record.name),
                "calibration": {**self.calibration, record.name: record.calibration},
                "thresholds": {**self.thresholds, record.name: record.threshold},
                "preprocessing": record.preprocessing,
            }
        )
