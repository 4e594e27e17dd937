"""The options that decide what picking writes: two runs into one folder must have them in common."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict

_SHOWN_DIGITS = 12


class NetworkFile(BaseModel):
    """A network, generator or head: the same if its file's content is, wherever the file lies.

    Attributes
    ----------
    name
        What it is called; of those without a file of their own, what tells them apart.
    sha256
        Of the file; None of a head that is part of the network's file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    sha256: str | None = None

    @classmethod
    def of(cls, path: Path) -> Self:
        """Return what identifies a file.

        Raises
        ------
        OSError
            If it cannot be read.
        """
        with path.open("rb") as file:
            return cls(name=path.name, sha256=hashlib.file_digest(file, "sha256").hexdigest())

    @property
    def identity(self) -> str:
        """What is equal for two that give the same picks."""
        return f"name {self.name}" if self.sha256 is None else self.sha256

    def __str__(self) -> str:
        return self.name if self.sha256 is None else f"{self.name} (SHA-256 {self.sha256[:_SHOWN_DIGITS]}...)"


class RunConfig(BaseModel):
    """The options of a run that decide its results; device, tiles and places of files do not.

    Attributes
    ----------
    picker
        Its name.
    weights, head
        The network or generator; its head, None for the cGAN picker.
    diameter_angstrom, border_angstrom
        Lengths; None for a border of half the diameter.
    threshold
        Least figure of merit, given or the network's.
    no_mask, no_split, overlay
        Whether these options are given.
    format
        The formats, sorted.
    quality, contrast
        Of the HydraPicker's picks (`hydra.HydraNetPicker`); the contrast that was found with `contrast` auto.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    picker: str
    weights: NetworkFile
    head: NetworkFile | None
    diameter_angstrom: float
    border_angstrom: float | None
    threshold: float
    no_mask: bool
    no_split: bool
    overlay: bool
    format: tuple[str, ...]
    quality: Literal["fast", "best"] = "fast"
    contrast: Literal["dark", "light"] = "dark"

    @property
    def key(self) -> str:
        """Some digits that stand for these options."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:_SHOWN_DIGITS]

    def differences(self, now: RunConfig) -> list[str]:
        """Say of each option in which a run differs from this one what it was, and is.

        What merely follows is left out: another picker has another network, and that another threshold.
        """
        differing = [name for name in RunConfig.model_fields if _key(self, name) != _key(now, name)]
        if "picker" in differing:
            differing = ["picker"]
        elif {"weights", "head"} & set(differing):
            differing = [name for name in differing if name != "threshold"]
        return [f"`{name}` was {_text(self, name)}, is {_text(now, name)}" for name in differing]


def _key(options: RunConfig, name: str) -> object:
    value = getattr(options, name)
    return value.identity if isinstance(value, NetworkFile) else value


def _text(options: RunConfig, name: str) -> str:
    value = getattr(options, name)
    if value is None:
        return "half the diameter" if name == "border_angstrom" else "none"
    if isinstance(value, bool):
        return "given" if value else "not given"
    if isinstance(value, float):
        return f"{value:.10g}"
    return ",".join(value) if isinstance(value, tuple) else str(value)
