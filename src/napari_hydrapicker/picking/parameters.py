"""How to pick: what with (`PickerSpec`), and how micrographs are looked at (`PickParameters`).

These types are what the command line's options, the window's form, a project's settings and the worker's
requests have in common. They load neither torch nor a network.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from napari_hydrapicker.errors import ParameterError

Contrast = Literal["dark", "light"]
Quality = Literal["fast", "best"]
PickerKind = Literal["hydra", "cgan", "consensus"]

_LARGEST_ANGSTROM = 5000.0
_LENGTH: dict[str, JsonValue] = {"unit": "Å", "step": 5}
CONTRASTS: dict[str, JsonValue] = {"auto": "automatic", "dark": "dark particles", "light": "light particles"}


class Checked(BaseModel):
    """A frozen model that says in a `ParameterError` which of its fields is wrong, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    label: ClassVar[str] = ""
    """What a window calls it."""

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(map(str, first["loc"]))
            raise ParameterError(f"`{name}`: {first['input']!r}: {first['msg']}") from None


class PickParameters(Checked):
    """How micrographs are looked at, whatever picks them.

    Attributes
    ----------
    diameter_angstrom : float
        The particle's longest diameter.
    border_angstrom : float or None
        Centres nearer than this to an edge are left out; None: half the diameter, since a particle that the
        edge cuts cannot be extracted.
    min_distance_angstrom : float or None
        Of two picks nearer than this the less probable is left out; None: a third of the diameter.
    use_mask : bool
        Whether to leave out carbon film, bad ice and blank areas.

    Raises
    ------
    ParameterError
        If a value is out of its range.
    """

    diameter_angstrom: float = Field(
        gt=0, le=_LARGEST_ANGSTROM, title="Diameter", description="The particle's longest diameter"
    )
    border_angstrom: float | None = Field(
        default=None, ge=0, le=_LARGEST_ANGSTROM, title="Border",
        description="Leave out picks this near to the edge", json_schema_extra=_LENGTH,
    )  # fmt: skip
    min_distance_angstrom: float | None = Field(
        default=None, ge=0, le=_LARGEST_ANGSTROM, title="Minimum distance",
        description="Least distance between two picks", json_schema_extra=_LENGTH,
    )  # fmt: skip
    use_mask: bool = Field(default=True, title="Mask", description="Mask carbon, bad ice and blank areas")

    def border_px(self, pixel_size_angstrom: float) -> float:
        """Width of the border, pixels."""
        border = self.diameter_angstrom / 2 if self.border_angstrom is None else self.border_angstrom
        return border / pixel_size_angstrom


class HydraSpec(Checked):
    """HydraPicker's network with one head.

    Attributes
    ----------
    weights : Path or None
        The network's file; None for the bundled one.
    head : str
        One of the network's own, one kept in a library, or a head's file.
    libraries : tuple of Path
        Folders that are searched for the head before the user's own library.
    contrast : str
        "dark" or "light" particles; "auto" looks at a few micrographs first.
    quality : str
        "fast", or "best": the mean over flips and quarter turns, at eight times the cost.
    tile_wpx : int or None
        Side of the tiles, working pixels; None: as large as memory allows.
    """

    label: ClassVar[str] = "HydraPicker"
    kind: Literal["hydra"] = "hydra"
    weights: Path | None = None
    head: str = "generic"
    libraries: tuple[Path, ...] = ()
    contrast: Literal["auto", "dark", "light"] = "auto"
    quality: Quality = "fast"
    tile_wpx: int | None = None

    @property
    def known_contrast(self) -> Contrast | None:
        """The particles' contrast, None where it is to be found out."""
        return None if self.contrast == "auto" else self.contrast


class CGanSpec(Checked):
    """The picker that was trained without any particle.

    Attributes
    ----------
    weights : Path or None
        The generator's file; None for the bundled one.
    split : bool
        Whether merged marks are divided; without, as in the paper.
    """

    label: ClassVar[str] = "cGAN"
    kind: Literal["cgan"] = "cgan"
    weights: Path | None = None
    split: bool = True


NetworkSpec = Annotated[HydraSpec | CGanSpec, Field(discriminator="kind")]


class ConsensusSpec(Checked):
    """What several pickers, and picks of another program, agree on.

    Attributes
    ----------
    members : tuple of NetworkSpec
        The pickers, one of a kind.
    imported : Path or None
        File or folder of another program's picks, which have a vote too.
    votes : int
        How many of them have to have a pick.
    """

    label: ClassVar[str] = "Consensus"
    kind: Literal["consensus"] = "consensus"
    members: tuple[NetworkSpec, ...] = ()
    imported: Path | None = None
    votes: int = Field(default=1, ge=1, le=3)

    @model_validator(mode="after")
    def _one_of_a_kind(self) -> Self:
        kinds = [one.kind for one in self.members]
        if len(set(kinds)) < len(kinds):
            raise ValueError("two members are of one kind; a consensus counts each kind once")
        return self


PickerSpec = Annotated[HydraSpec | CGanSpec | ConsensusSpec, Field(discriminator="kind")]
SPECS: dict[str, type[Checked]] = {
    one.model_fields["kind"].default: one for one in get_args(get_args(PickerSpec)[0])
}
"""The specifications' classes, by kind."""
