"""All that a network is trained and validated on: simulated molecules and labelled real sets together."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.hydra.head_record import check_head_name
from napari_hydrapicker.hydra.network import GENERIC
from napari_hydrapicker.simulation.conditions import draw_wide_conditions
from napari_hydrapicker.simulation.structures import PointCloud
from napari_hydrapicker.training.data_sets import (
    labelled_micrographs,
    noise_crops,
    real_source,
    simulated_sources,
    validation_crops,
)
from napari_hydrapicker.training.sources import Crop, SimulatedSource, Source

_LONGEST = 56  # leaves room for a number within the 64 characters of a head's name

CROPS_EACH, CROP_WPX = 2, 256  # simulated for the validation of one molecule
COMPLETE_EACH = 8  # for the calibration, of each molecule and kind of conditions
MASKED = 0.5  # share of the simulated crops in which unusable areas are looked for
UNSEEN_SEED, SEEN_SEED = 99, 2_000_000_099  # of those that nothing is, and something is, trained on
COMPLETE_SEED = 1_000_000_099


def head_names(data_sets: Sequence[str]) -> list[str]:
    """Name of the head of each data set, in their order.

    Characters that a head's name cannot hold become hyphens. Data sets of the same name share a head;
    different ones whose heads would be called alike, or whose name is reserved, are numbered.

    Raises
    ------
    ParameterError
        If a data set has no name.
    """
    made: dict[str, str] = {}
    for name in data_sets:
        if name not in made:
            made[name] = _free(name, set(made.values()))
    return [made[name] for name in data_sets]


def _free(data_set: str, taken: set[str]) -> str:
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", data_set).strip("-_")[:_LONGEST]
    if not plain:
        raise ParameterError(
            f"data set {data_set!r}: no head can be called so; name it with letters or digits"
        )
    number, name = 1, plain
    while name in taken or not _allowed(name):
        number += 1
        name = f"{plain}-{number}"
    return name


def _allowed(name: str) -> bool:
    try:
        check_head_name(name)
    except ParameterError:  # a reserved word: its characters and its length are right
        return False
    return name != GENERIC


@dataclass(frozen=True)
class RealSet:
    """Where a labelled data set is; `shift_angstrom`, (row, column), is added to its labels."""

    name: str
    micrographs: str
    coordinates: Path
    diameter_angstrom: float
    shift_angstrom: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Data sets to train on, and images to validate on.

    Attributes
    ----------
    sources, weights
        Data sets, the simulated ones first, and how often each is drawn, relative to one another.
    simulated, real
        Names of the data sets of both kinds.
    validation
        Held-out images by set: "molecules" that are held out altogether, under the usual conditions; the same
        under "wide" ones; held-out micrographs of the real sets by their names.
    held_out
        The molecules that are held out, under all conditions that are trained on.
    wide
        Whether those conditions are wide.
    """

    sources: list[Source]
    weights: list[float]
    simulated: list[str]
    real: list[str]
    validation: dict[str, list[Crop]]
    held_out: list[SimulatedSource] = field(default_factory=list)
    wide: bool = False

    @property
    def heads(self) -> list[str]:
        """Name of the head of each data set."""
        return head_names([source.name for source in self.sources])

    @property
    def unseen(self) -> list[Crop]:
        """All held-out images together."""
        return [crop for crops in self.validation.values() for crop in crops]

    def complete(self) -> list[Crop]:
        """Images that nothing is trained on and on which every particle is known: for the calibration.

        Simulated anew at each call, and with wide conditions some of nothing but noise among them.
        """
        made = validation_crops(self.held_out, COMPLETE_EACH, CROP_WPX, COMPLETE_SEED)
        return made + (noise_crops() if self.wide and made else [])

    def by_head(self) -> dict[str, list[Crop]]:
        """Held-out images for phase 2: `unseen` for the generic head, of its own data set for each other.

        Those of simulated molecules are views that training will hardly draw again, of the same molecule.
        """
        made: dict[str, list[Crop]] = {GENERIC: list(self.unseen)}
        for source, head in zip(self.sources, self.heads, strict=True):
            own = made.setdefault(head, [])
            if isinstance(source, SimulatedSource):
                own += validation_crops([source], CROPS_EACH, CROP_WPX, SEEN_SEED)
            else:
                own += self.validation.get(source.name, [])
        return made


def assemble(
    clouds: Sequence[PointCloud],
    n_views: int,
    real_sets: Sequence[RealSet],
    real_share: float,
    held_out: Sequence[str],
    seed: int,
    groups: Mapping[str, Sequence[str]] | None = None,
    wide: bool = False,
    backgrounds: Sequence[NDArray[np.float32]] = (),
) -> TrainingData:
    """Project the molecules and read the labelled sets.

    Parameters
    ----------
    clouds, n_views
        Molecules, and the number of projections kept of each.
    real_share
        Share of the batches that come from the real sets, divided evenly among them.
    held_out
        Names of molecules and micrographs that are not trained on.
    groups
        Molecules that share a head, by its name; a real set of that name shares it too. The others have
        one each.
    wide
        Whether to train under `draw_wide_conditions`, with jitter of the real micrographs and masks looked
        for.
    backgrounds
        Particle-free real images, used as background of a share of the simulated micrographs.

    Raises
    ------
    ParameterError
        If nothing of a kind is left to train on, a micrograph has no labels, two real sets have the same
        name, the share is not within 0 to 1, or a group names a molecule that is not there.
    """
    if not 0 <= real_share <= 1:
        raise ParameterError(f"a share of {real_share:g} of real micrographs; give a number from 0 to 1")
    names = [one.name for one in real_sets]
    if len(set(names)) < len(names):
        raise ParameterError(f"two labelled data sets are called {max(names, key=names.count)!r}; rename one")
    made, held = simulated_sources(clouds, n_views, held_out, seed)
    share = real_share if real_sets else 0.0
    weights = [(1 - share) / len(made)] * len(made) + [share / max(1, len(real_sets))] * len(real_sets)
    validation = _validation(held, wide)
    if wide:
        made = [_widely(one, backgrounds) for one in made]
        held += [_widely(one) for one in held] + [
            replace(_widely(one, backgrounds), real_noise=1.0) for one in held if len(backgrounds)
        ]
    sources: list[Source] = list(_grouped(made, groups or {}, held_out))
    for one in real_sets:
        images = labelled_micrographs(
            [one.micrographs], one.coordinates, one.diameter_angstrom, one.shift_angstrom
        )
        source, held_crops = real_source(one.name, images, held_out)
        sources.append(replace(source, jitter=wide))
        if held_crops:
            validation[one.name] = held_crops
    return TrainingData(sources, weights, [s.name for s in made], names, validation, held, wide)


def _widely(source: SimulatedSource, backgrounds: Sequence[NDArray[np.float32]] = ()) -> SimulatedSource:
    return replace(source, conditions=draw_wide_conditions, masked=MASKED, backgrounds=backgrounds)


def _validation(held: Sequence[SimulatedSource], wide: bool) -> dict[str, list[Crop]]:
    """Images of held-out molecules, the same ones in every training."""
    if not held:
        return {}
    made = {"molecules": validation_crops(held, CROPS_EACH, CROP_WPX, UNSEEN_SEED)}
    if wide:
        wider = [replace(one, conditions=draw_wide_conditions, masked=1.0) for one in held]
        made["wide"] = validation_crops(wider, CROPS_EACH, CROP_WPX, UNSEEN_SEED)
    return made


def _grouped(
    sources: Sequence[SimulatedSource], groups: Mapping[str, Sequence[str]], held_out: Sequence[str]
) -> list[SimulatedSource]:
    """Call the molecules of a group by its name: data sets of the same name share a head."""
    names = {member: group for group, members in groups.items() for member in members}
    strange = min(names.keys() - {source.name for source in sources}, default=None)
    if strange is not None:
        what = f"{strange!r} is held out" if strange in held_out else f"there is no structure {strange!r}"
        raise ParameterError(f"`group`: {what}, so that no head can learn it; leave it out of the group")
    return [
        replace(source, species=replace(source.species, name=names.get(source.name, source.name)))
        for source in sources
    ]
