"""Several pickers as one: each picks a micrograph, and their picks are joined (`picking.consensus`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from napari_hydrapicker.errors import MicrographError, ParameterError
from napari_hydrapicker.imaging.scale import pixel_angstrom
from napari_hydrapicker.micrograph import Micrograph
from napari_hydrapicker.picking.consensus import JOIN_DIAMETERS, consensus
from napari_hydrapicker.picking.imported import ImportedPicks
from napari_hydrapicker.picking.picker import FLOOR, Picker
from napari_hydrapicker.picks import Picks


@dataclass(frozen=True, eq=False)
class JointPicker:
    """Picks what its pickers, and picks of another program, agree on; the score is the joint score.

    As with `hydrapicker consensus` on what `hydrapicker pick` has written, each picker has a say from its own
    threshold on.

    Attributes
    ----------
    pickers : mapping of name to Picker
    imported : ImportedPicks or None
        Picks that there are already.
    votes : int
        Least number of lists that have a pick.

    Raises
    ------
    ParameterError
        If there are fewer than two lists, or fewer than votes are wanted.
    """

    pickers: Mapping[str, Picker]
    imported: ImportedPicks | None = None
    votes: int = 1

    def __post_init__(self) -> None:
        lists = len(self.pickers) + (self.imported is not None)
        if lists < 2:
            raise ParameterError("a consensus needs two lists of picks or more: choose another one to join")
        if not 1 <= self.votes <= lists:
            raise ParameterError(f"{self.votes} votes: give a number from 1 to {lists}, that of the lists")

    @property
    def threshold(self) -> float:
        """Joint score from which on picks are shown: all, for each was one that its own picker shows."""
        return 0.0

    def pick_micrograph(
        self,
        micrograph: Micrograph,
        diameter_angstrom: float,
        pixel_size_angstrom: float | None = None,
        border_angstrom: float | None = None,
        use_mask: bool = True,
        floor: float = FLOOR,
        min_distance_angstrom: float | None = None,
    ) -> Picks:
        """Pick a micrograph with each picker and join what they find: see `Picker.pick_micrograph`.

        `floor` is the least joint score.
        """
        pixel_size = pixel_angstrom(micrograph, pixel_size_angstrom)
        lists: dict[str, Picks] = {}
        if self.imported is not None:  # first, for it is done in no time where the micrograph is missing
            lists["imported"] = self.imported.of(micrograph.full_name, micrograph.shape)
        for name, picker in self.pickers.items():
            found = picker.pick_micrograph(
                micrograph, diameter_angstrom, pixel_size, border_angstrom, use_mask,
                min_distance_angstrom=min_distance_angstrom,
            )  # fmt: skip
            lists[name] = found.above(picker.threshold)
        try:
            joined = consensus(lists, JOIN_DIAMETERS * diameter_angstrom / pixel_size)
        except ParameterError as error:
            raise MicrographError(f"{micrograph.path}: {error}") from error
        return joined.select((joined.votes >= self.votes) & (joined.picks.score >= floor)).picks
