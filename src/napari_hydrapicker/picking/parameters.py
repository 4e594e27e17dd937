"""How to pick: what with (`PickerSpec`), how micrographs are looked at (`PickParameters`), and its record.

These types are what the command line's options, the window's form, a project's settings, the worker's
requests and the manifest of a folder of picks have in common: a parameter is one field here, and acts where
picking does. They load neither torch nor a network.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)

from napari_hydrapicker.errors import ParameterError

Contrast = Literal["dark", "light"]
Quality = Literal["fast", "best"]
PickerKind = Literal["hydra", "cgan", "consensus"]

_LARGEST_ANGSTROM = 5000.0
_SHOWN_DIGITS = 12
_WEIGHTS = "Network or generator file, or name of your own generator; the bundled one by default"
_LENGTH: dict[str, JsonValue] = {"unit": "Å", "step": 5}
_HALF: dict[str, JsonValue] = {**_LENGTH, "unset": "half the diameter"}
_THIRD: dict[str, JsonValue] = {**_LENGTH, "unset": "a third of the diameter"}
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
            what = first["msg"].replace("Input should be", "it should be")
            raise ParameterError(f"`{name}`: {first['input']!r}: {what}") from error


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
        description="Leave out picks this near to the edge", json_schema_extra=_HALF,
    )  # fmt: skip
    min_distance_angstrom: float | None = Field(
        default=None, ge=0, le=_LARGEST_ANGSTROM, title="Minimum distance",
        description="Least distance between two picks", json_schema_extra=_THIRD,
    )  # fmt: skip
    use_mask: bool = Field(default=True, title="Mask", description="Mask carbon, bad ice and blank areas")

    def border_px(self, pixel_size_angstrom: float) -> float:
        """Width of the border, pixels."""
        border = self.diameter_angstrom / 2 if self.border_angstrom is None else self.border_angstrom
        return border / pixel_size_angstrom

    def distance_px(self, pixel_size_angstrom: float) -> float:
        """Least distance of two picks, pixels."""
        given = self.min_distance_angstrom
        return (self.diameter_angstrom / 3 if given is None else given) / pixel_size_angstrom


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
    weights: Path | None = Field(default=None, description=_WEIGHTS)
    head: str = Field(
        default="generic", description="Head: generic (the default), one of your library, or its file"
    )
    libraries: tuple[Path, ...] = Field(
        default=(), description="Folder to look for the head in before your heads library"
    )
    contrast: Literal["auto", "dark", "light"] = Field(
        default="auto",
        description="Whether particles are dark or light; auto looks at three micrographs first",
    )
    quality: Quality = Field(
        default="fast",
        description="best averages over flips and quarter turns, at eight times the cost",
    )
    tile_wpx: int | None = Field(
        default=None, description="Side of tiles, working pixels (21 a particle), to save memory"
    )

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
    weights: Path | None = Field(default=None, description=_WEIGHTS)
    split: bool = Field(default=True, description="Divide merged marks, which the paper leaves out")


_Networks = HydraSpec | CGanSpec
NetworkSpec = Annotated[_Networks, Field(discriminator="kind")]


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


PickerSpec = Annotated[_Networks | ConsensusSpec, Field(discriminator="kind")]
NETWORKS: dict[str, type[NetworkSpec]] = {
    one.model_fields["kind"].default: one for one in get_args(_Networks)
}
"""The specifications of single pickers, by kind."""
SPECS: dict[str, type[Checked]] = {**NETWORKS, ConsensusSpec.model_fields["kind"].default: ConsensusSpec}
"""Those of all pickers."""


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


_IDENTIFIED = {"kind", "weights", "head", "libraries"}  # fields for which `NetworkFile` stands
_OF_NO_EFFECT = {"tile_wpx"}  # on the picks


class RunConfig(PickParameters):
    """What decides the results of a run: two runs into one folder must have it in common.

    Device, tiles and places of files do not.

    Attributes
    ----------
    picker
        Its kind.
    weights, head
        The network or generator; its head, None for pickers that have none.
    picker_options
        What else the picker's specification says, by its fields; the contrast is the one that was found.
    threshold
        Least figure of merit, given or the network's.
    overlay
        Whether pictures are drawn.
    format
        The formats, sorted.
    """

    picker: str
    weights: NetworkFile
    head: NetworkFile | None = None
    picker_options: dict[str, JsonValue] = {}
    threshold: float
    overlay: bool = False
    format: tuple[str, ...] = ("star",)

    @classmethod
    def of(
        cls,
        spec: PickerSpec,
        files: tuple[NetworkFile, NetworkFile | None],
        parameters: PickParameters,
        threshold: float,
        formats: tuple[str, ...] = ("star",),
        overlay: bool = False,
    ) -> Self:
        """Return the record of a run; `files` is what `model_files.identified` says of the specification."""
        left_out = dict.fromkeys(_IDENTIFIED | _OF_NO_EFFECT, True)
        options = spec.model_dump(mode="json", exclude={**left_out, "members": {"__all__": left_out}})
        return cls(
            **dict(parameters), picker=spec.kind, weights=files[0], head=files[1], picker_options=options,
            threshold=threshold, overlay=overlay, format=tuple(sorted(formats)),
        )  # fmt: skip

    @model_validator(mode="before")
    @classmethod
    def _from_earlier_versions(cls, values: Any) -> Any:
        """Take records in which the pickers' options lay beside the others."""
        if not isinstance(values, dict) or "picker_options" in values:
            return values
        given = dict(values)
        flags = {name: not given.pop(f"no_{name}", False) for name in ("mask", "split")}
        hydra = {"quality": given.pop("quality", "fast"), "contrast": given.pop("contrast", "dark")}
        given["picker_options"] = hydra if given.get("picker") == "hydra" else {"split": flags["split"]}
        return {"use_mask": flags["mask"], **given}

    @model_validator(mode="wrap")
    @classmethod
    def _as_any_other(cls, values: Any, check: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return check(values)
        except ParameterError as error:  # within a line of a manifest pydantic would let it through
            cause = error.__cause__
            raise (cause if isinstance(cause, ValidationError) else ValueError(str(error))) from None

    @property
    def key(self) -> str:
        """Some digits that stand for these options."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:_SHOWN_DIGITS]

    def differences(self, now: RunConfig) -> list[str]:
        """Say of each option in which a run differs from this one what it was, and is.

        What merely follows is left out: another picker has another network, and that another threshold.
        """
        before, after = self._facts(), now._facts()
        names = [name for name in {**before, **after} if _key(before.get(name)) != _key(after.get(name))]
        if "picker" in names:
            names = ["picker"]
        elif {"weights", "head"} & set(names):
            names = [name for name in names if name != "threshold"]
        return [
            f"`{name}` was {_text(name, before.get(name))}, is {_text(name, after.get(name))}"
            for name in names
        ]

    def _facts(self) -> dict[str, object]:
        """All options by their names; what can be switched off by the name of that, as in `no_mask`."""
        facts: dict[str, object] = {"picker": self.picker, "weights": self.weights, "head": self.head}
        own = {name: getattr(self, name) for name in PickParameters.model_fields}
        for model, values in ((PickParameters, own), (SPECS.get(self.picker), self.picker_options)):
            for name, value in values.items():
                field = None if model is None else model.model_fields.get(name)
                off = field is not None and field.default is True
                facts[switch_off(name) if off else name] = not value if off else value
        return {**facts, "threshold": self.threshold, "overlay": self.overlay, "format": self.format}


def switch_off(name: str) -> str:
    """Return what it is called to switch off what is on by default: ``no_mask`` for ``use_mask``."""
    return f"no_{name.removeprefix('use_')}"


def _key(value: object) -> object:
    return value.identity if isinstance(value, NetworkFile) else value


def _text(name: str, value: object) -> str:
    if value is None:
        field = PickParameters.model_fields.get(name)
        extra = field.json_schema_extra if field is not None else None
        return str(extra.get("unset", "none")) if isinstance(extra, dict) else "none"
    if isinstance(value, bool):
        return "given" if value else "not given"
    if isinstance(value, float):
        return f"{value:.10g}"
    return ",".join(value) if isinstance(value, tuple) else str(value)
