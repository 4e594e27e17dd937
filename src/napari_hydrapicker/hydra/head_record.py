"""What a head file says about the head: its name and its record; heads side by side. Without torch."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.io.safetensors import HEAD, parse, read_header

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
# torch keeps the heads as attributes of a module: these words would hide one of its own.
_RESERVED_WORDS = """
    T_destination add_module apply bfloat16 buffers call_super_init children clear compile cpu cuda
    double dump_patches eval extra_repr float forward get_buffer get_extra_state get_parameter
    get_submodule half ipu items keys load_state_dict modules mtia named_buffers named_children
    named_modules named_parameters parameters pop register_backward_hook register_buffer
    register_forward_hook register_forward_pre_hook register_full_backward_hook
    register_full_backward_pre_hook register_load_state_dict_post_hook register_load_state_dict_pre_hook
    register_module register_parameter register_state_dict_post_hook register_state_dict_pre_hook
    requires_grad_ set_extra_state set_submodule share_memory state_dict to to_empty train training type
    update values xpu zero_grad
"""
_RESERVED = frozenset(_RESERVED_WORDS.split())
# Windows takes these for devices, whatever their case and extension.
_DEVICE = re.compile(r"con|prn|aux|nul|(com|lpt)[0-9]", re.IGNORECASE)

FIRST_BLOCKS: Final = (1, 3, 2)  # of a compact body, where a file says nothing
HEAD_FORMAT_VERSION: Final = 3  # 2: heads with a body of their own; 3: for bodies of other depths
GENERIC: Final = "generic"
OF_MARKS: Final = "_marks"
"""In the name of a figure after what it was measured on: of some marks there, not of all particles."""
_FROZEN = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def check_head_name(name: str) -> None:
    """Refuse names that cannot stand for a file on every system.

    Raises
    ------
    ParameterError
        If `name` is not 1 to 64 letters, digits, hyphens or underscores, or is reserved.
    """
    if not _NAME.fullmatch(name):
        raise ParameterError(
            f"{name!r} cannot be the name of a head: use 1 to 64 letters (A-Z), digits, '-' and '_'."
        )
    if name in _RESERVED or name.startswith("__") or _DEVICE.fullmatch(name):
        raise ParameterError(
            f"{name!r} cannot be the name of a head: the word is reserved. Add to it, as in '{name}-1'."
        )


def free_name(name: str, taken: Collection[str]) -> str:
    """Return a name as it is, or with the first number behind it that makes it none of the taken ones."""
    others = (f"{name[:60]}-{number}" for number in count(2))
    return name if name not in taken else next(other for other in others if other not in taken)


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
        SHA-256 of the body that the head was trained on (`weights.body_hash`); it fits no other, unless it
        has its own.
    own_body
        Whether the head brings a body of its own, which was changed together with it, and fits any network of
        its architecture.
    kind, channels, groups, dropout, blocks
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

    format: Literal["napari-hydrapicker head"] = "napari-hydrapicker head"
    format_version: Literal[1, 2, 3] = 1
    name: str
    diameter_angstrom: float = Field(gt=0)
    pixel_size_angstrom: float | None = Field(default=None, gt=0)
    created: str
    parent: str = Field(pattern="^[0-9a-f]{64}$")
    own_body: bool = False
    kind: Literal["thesis", "compact"] = "thesis"
    channels: int = Field(ge=1, le=1024)
    groups: int = Field(ge=1, le=128)
    dropout: float = Field(ge=0, lt=1)
    blocks: tuple[int, int, int] = FIRST_BLOCKS
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
        if self.own_body and self.format_version < 2:
            raise ValueError("a body of its own: since head format 2")
        if self.blocks != FIRST_BLOCKS and self.format_version < 3:
            raise ValueError("other numbers of residual blocks: since head format 3")
        return self


def read_record(path: Path) -> HeadRecord:
    """Return the record of a head's file.

    Raises
    ------
    WeightsError
        If the file cannot be read, is none of ours, is damaged, or comes from a newer version.
    """
    return parse_record(path, read_header(path, HEAD))


def parse_record(path: Path, header: dict[str, str]) -> HeadRecord:
    """Return the record in a file's header.

    Raises
    ------
    WeightsError
        If it is damaged or comes from a newer version.
    """
    text = header.get("record", "")
    return parse(path, text, HeadRecord, HEAD_FORMAT_VERSION, ("head format", "record"))


@dataclass(frozen=True)
class FigureRow:
    """One figure of merit of several heads; None where a head's record does not have it."""

    figure: str
    before: tuple[float | None, ...]
    after: tuple[float | None, ...]


@dataclass(frozen=True)
class Comparison:
    """Some heads in the order asked for."""

    records: tuple[HeadRecord, ...]

    @property
    def rows(self) -> list[FigureRow]:
        """All figures that any of the heads has, in the order of their first mention."""
        names = {
            name: None for one in self.records for name in (*one.figures_after, *one.figures_before)
        }  # a dictionary keeps the order
        return [
            FigureRow(
                name,
                tuple(one.figures_before.get(name) for one in self.records),
                tuple(one.figures_after.get(name) for one in self.records),
            )
            for name in names
        ]

    @property
    def same_body(self) -> bool:
        """Whether one network can use them all."""
        return len({one.parent for one in self.records if not one.own_body}) < 2

    @property
    def same_measure(self) -> bool:
        """Whether their figures were measured on the same micrographs, known by their checksums.

        Those are the held-out ones, or all where none was held out; all of what is on them, or some marks.
        Only then do the figures say which of two heads is the better.
        """
        return len({_measured_on(one) for one in self.records}) < 2


def _measured_on(record: HeadRecord) -> tuple[str, bool, frozenset[str]]:
    marks = any(OF_MARKS in figure for figure in record.figures_after)
    held_out = frozenset(one.sha256 for one in record.micrographs if one.use == "validation")
    if held_out:
        return "validation", marks, held_out
    return "training", marks, frozenset(one.sha256 for one in record.micrographs)
