"""What the user can set: one place for names, ranges and defaults."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from napari_hydrapicker.errors import ParameterError, ProjectError
from napari_hydrapicker.picking.parameters import (
    CONTRASTS,
    CGanSpec,
    ConsensusSpec,
    HydraSpec,
    PickerKind,
    PickParameters,
    Quality,
)
from napari_hydrapicker.project.project import Project

CONSENSUS, IMPORTED = "consensus", "imported"
Probability = Annotated[float, Field(ge=0, le=1)]


class PickSettings(PickParameters):
    """How micrographs are picked and which picks are shown.

    Attributes
    ----------
    diameter_angstrom, border_angstrom, min_distance_angstrom, use_mask
        As of `PickParameters`.
    threshold : float
        Picks of a lower score are hidden, not deleted; 0..1. It holds for scores of which neither of the
        following says more.
    threshold_chosen : bool
        Whether the user has set that threshold; if so, it goes before the networks' own.
    thresholds : dict of str to float
        Thresholds that the user has set, by the picker whose scores they cut (`picker_key`).
    suggested : dict of str to float
        The networks' own thresholds, by picker.
    picker : str
        "hydra", HydraPicker; "cgan", the picker that was trained without any particle; or "consensus", what
        several agree on.
    generator : str or None
        The cGAN picker's generator, a name in the project's or the user's library or a file; None for the
        bundled one.
    joined : tuple of str
        The pickers that a consensus is made of.
    imported : str or None
        File or folder of another program's picks that take part in a consensus.
    votes : int
        How many of them have to have a pick.
    head : str
        Head of HydraPicker's network.
    weights : str or None
        HydraPicker's network file; None for the bundled one.
    device : str
        "auto", "cpu", "cuda" or "mps".
    contrast : str
        "dark" or "light" particles; "auto" finds out.
    quality : str
        "fast", or "best": HydraPicker's mean over flips and quarter turns.
    """

    model_config = ConfigDict(extra="ignore")  # of other versions

    diameter_angstrom: float = Field(
        default=180.0, gt=0, le=5000, title="Diameter", description="The particle's longest diameter"
    )
    threshold: float = Field(default=0.5, ge=0, le=1)
    threshold_chosen: bool = False
    thresholds: dict[str, Probability] = Field(default_factory=dict)
    suggested: dict[str, Probability] = Field(default_factory=dict)
    picker: PickerKind = "hydra"
    generator: str | None = None
    joined: tuple[Literal["hydra", "cgan"], ...] = ("hydra", "cgan")
    imported: str | None = None
    votes: int = Field(default=1, ge=1, le=3)
    head: str = "generic"
    weights: str | None = None
    device: str = Field(default="auto", pattern="^(auto|cpu|cuda|mps)$")
    contrast: Literal["auto", "dark", "light"] = Field(
        default="auto", title="Contrast", json_schema_extra={"labels": CONTRASTS},
        description="Whether particles are darker or lighter than the background",
    )  # fmt: skip
    quality: Quality = Field(
        default="fast", title="Quality",
        description="Best: HydraPicker's mean over flips and quarter turns, at eight times the cost",
    )  # fmt: skip

    @property
    def parameters(self) -> PickParameters:
        """How micrographs are looked at."""
        return PickParameters(**{name: getattr(self, name) for name in PickParameters.model_fields})

    def spec(self, generator: Path | None, libraries: Sequence[Path]) -> HydraSpec | CGanSpec | ConsensusSpec:
        """What is picked with.

        Parameters
        ----------
        generator
            File of the cGAN picker's generator, as `generator` names it.
        libraries
            Folders with heads, beside the user's own.
        """
        weights = None if self.weights is None else Path(self.weights)
        networks: dict[str, HydraSpec | CGanSpec] = {
            "hydra": HydraSpec(
                weights=weights, head=self.head, libraries=tuple(libraries), contrast=self.contrast,
                quality=self.quality,
            ),
            "cgan": CGanSpec(weights=generator),
        }  # fmt: skip
        if self.picker != "consensus":
            return networks[self.picker]
        imported = None if self.imported is None else Path(self.imported)
        members = tuple(networks[one] for one in self.joined)
        return ConsensusSpec(members=members, imported=imported, votes=self.votes)

    @property
    def picker_key(self) -> str:
        """Who makes the scores: they are alike for one network with one head, and for none other."""
        if self.picker == "hydra":
            return f"hydra/{self.head}" if self.weights is None else f"hydra/{self.head}/{self.weights}"
        if self.picker == "cgan":
            return f"cgan/{self.generator or ''}"
        return self.picker

    def threshold_of(self, picker: str) -> float:
        """Return the threshold for the scores of a picker, by its key; "" where it is not known."""
        if picker in self.thresholds:
            return self.thresholds[picker]
        # A preference is meant for a network's own scores; others have been cut by whoever made them.
        own = not picker.startswith((CONSENSUS, IMPORTED))
        if picker in self.suggested and not (own and self.threshold_chosen):
            return self.suggested[picker]
        return self.threshold

    @property
    def distance_angstrom(self) -> float:
        """Least distance of two picks, Angstrom, as given or as it follows from the diameter."""
        return self.distance_px(1.0)


def stored_settings(project: Project, default: PickSettings) -> tuple[PickSettings, dict[str, Any]]:
    """Return a project's settings; one that has none is given the default, if it can be written.

    Returns
    -------
    settings, foreign
        As of `read_settings`.

    Raises
    ------
    ProjectError
        If they are damaged, or the project cannot be read or written.
    """
    stored = project.setting("pick", None)
    try:
        if stored is not None:
            return read_settings(stored)
    except (ParameterError, TypeError, AttributeError) as error:
        raise ProjectError(f"{project.path}: its settings are damaged ({error})") from None
    if not project.read_only:
        project.set_setting("pick", default.model_dump())
    return default, {}


def read_settings(stored: dict[str, Any]) -> tuple[PickSettings, dict[str, Any]]:
    """Read the settings of a project, which another version may have written.

    Parameters
    ----------
    stored : dict
        Values by name.

    Returns
    -------
    PickSettings
        What is known here; the default where a word, such as a picker's, is not.
    dict
        The fields and words that are not known: they are to stay in the project.

    Raises
    ------
    ParameterError
        If a number is out of its range, or a value of another type.
    """
    foreign = {name: value for name, value in stored.items() if not _is_known(name, value)}
    return PickSettings(**{name: value for name, value in stored.items() if name not in foreign}), foreign


def _is_known(name: str, value: Any) -> bool:
    """Whether a setting is one of this version's, or damaged: newer ones have other words."""
    if name not in PickSettings.model_fields:
        return False
    words = value if isinstance(value, list) else [value]
    if not words or not all(isinstance(word, str) for word in words):
        return True
    try:
        PickSettings(**{name: value})
    except ParameterError:
        return False
    return True


def unknown_words(foreign: dict[str, Any]) -> str:
    """Say which settings, of those that `read_settings` leaves over, have words that are unknown here."""
    words = [
        f"{PickSettings.model_fields[name].title or name.capitalize()} {value!r:.60}"
        for name, value in foreign.items()
        if name in PickSettings.model_fields
    ]
    if not words:
        return ""
    return (
        f"A newer version of HydraPicker has chosen what is unknown here: {', '.join(words)}. The usual "
        "stands in its place, and the choice stays in the project until you make another. Update "
        "HydraPicker to use it"
    )
