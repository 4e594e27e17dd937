"""Several pickers as one: their picks, and those of other programs, are joined (`picking.consensus`)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np

from napari_hydrapicker.errors import MicrographError, ParameterError
from napari_hydrapicker.imaging.rescale import pixel_angstrom
from napari_hydrapicker.io.coordinates.folder import Key, LeftOutWarning, read_folder
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.io.names import NameFinder, micrograph_path
from napari_hydrapicker.picking.base import MIN_SCORE, Picker
from napari_hydrapicker.picking.consensus import JOIN_DIAMETERS, are_probabilities, consensus
from napari_hydrapicker.picking.parameters import PickParameters
from napari_hydrapicker.picks import Picks


@dataclass(frozen=True, eq=False)
class ImportedPicks:
    """The picks in a file or folder, by micrograph.

    Attributes
    ----------
    path : Path
        The file or folder.
    picks : dict of Key to Picks
        Scores are probabilities or absent.
    remark : str
        What the user should know of it; "" for nothing.
    from_lower_edge : frozenset of str
        Paths of the micrographs whose rows count from the lower edge (row - height), until that is known.
    """

    path: Path
    picks: dict[Key, Picks]
    remark: str = ""
    from_lower_edge: frozenset[str] = frozenset()
    _finder: NameFinder[Key] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_finder", NameFinder({key: key.path for key in self.picks}))

    @classmethod
    def read(cls, path: Path, before_each: Callable[[], object] | None = None) -> Self:
        """Read a coordinate file of any format, or all in a folder.

        If scores are no probabilities, all are left out. `before_each` is called before each file of a
        folder; what it raises ends the reading.

        Raises
        ------
        CoordinateFileError
            If it is missing, damaged or without coordinates.
        """
        asked: set[str] = set()

        def no_height(name: str) -> tuple[int, int]:
            asked.add(name)
            return 0, 0

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LeftOutWarning)  # of other files that happen to be there
            picks = read_folder(path, no_height, before_each)
        turned = frozenset(asked)
        if all(are_probabilities(one) for one in picks.values()):
            return cls(path, picks, from_lower_edge=turned)
        without = {
            key: replace(one, score=np.full(len(one), np.nan, np.float32)) for key, one in picks.items()
        }
        remark = f"{path}: its scores are no probabilities: each of its picks counts as 1"
        return cls(path, without, remark, turned)

    def of(self, name: str, shape: tuple[int, int] | None = None) -> Picks:
        """Return the picks of a micrograph.

        Parameters
        ----------
        name : str
            Its name, or all of its path (`Micrograph.full_name`).
        shape : (int, int), optional
            Its rows and columns, for files that count y from the lower edge.

        Raises
        ------
        MicrographError
            If there are none, several sub-folders have some, or the height is needed and not given.
        """
        keys = self._finder.candidates(name)
        short = micrograph_path(name).rpartition("/")[2]
        if not keys:
            some = ", ".join(sorted({key.name for key in self.picks})[:3])
            raise MicrographError(
                f"{short}: the imported picks in {self.path} have no such micrograph ({some} …)"
            )
        if len(keys) > 1:
            folders = " and ".join(sorted(key.folder or "." for key in keys)[:2])
            raise MicrographError(
                f"{short}: {self.path} has it in {folders}: choose one of these sub-folders"
            )
        if shape is None and self._counts_from_below(keys[0]):
            raise MicrographError(
                f"{short}: {self.path} counts y from the lower edge, and its height is not known"
            )
        return self.placed(keys[0], shape or (0, 0))

    def placed(self, key: Key, shape: tuple[int, int]) -> Picks:
        """Return the picks of one of the keys on a micrograph of `shape` (rows, columns), pixels."""
        picks = self.picks[key]
        if not self._counts_from_below(key):
            return picks
        return replace(picks, yx=picks.yx + np.array([shape[0], 0]))

    def _counts_from_below(self, key: Key) -> bool:
        return any(key.path == path or key.path.endswith(f"/{path}") for path in self.from_lower_edge)


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

    @property
    def device(self) -> str:
        """What the first of the pickers computes on."""
        return next(iter(self.pickers.values())).device

    def pick_micrograph(
        self, micrograph: Micrograph, parameters: PickParameters, floor: float = MIN_SCORE
    ) -> Picks:
        """Pick a micrograph with each picker and join what they find: see `Picker.pick_micrograph`.

        `floor` is the least joint score.
        """
        pixel_size = pixel_angstrom(micrograph)
        lists: dict[str, Picks] = {}
        if self.imported is not None:  # first, for it is done in no time where the micrograph is missing
            lists["imported"] = self.imported.of(micrograph.full_name, micrograph.shape)
        for name, picker in self.pickers.items():
            found = picker.pick_micrograph(micrograph, parameters)
            lists[name] = found.above(picker.threshold)
        # What the user has painted holds for imported picks too.
        if parameters.use_mask and micrograph.mask is not None:
            lists = {name: one.select(micrograph.mask.is_usable(one.yx)) for name, one in lists.items()}
        try:
            joined = consensus(lists, JOIN_DIAMETERS * parameters.diameter_angstrom / pixel_size)
        except ParameterError as error:
            raise MicrographError(f"{micrograph.path}: {error}") from error
        return joined.select((joined.votes >= self.votes) & (joined.picks.score >= floor)).picks
