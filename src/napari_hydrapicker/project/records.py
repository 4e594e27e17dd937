"""What a project knows about a micrograph besides its picks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from napari_hydrapicker.io.edited_mask import EditedMask
from napari_hydrapicker.io.image_info import ListedFigures
from napari_hydrapicker.io.micrograph import Micrograph


class Status(StrEnum):
    """State of a micrograph.

    The first three follow from its picks; the last two are the user's word: all particles of a complete
    micrograph are marked, an excluded one is neither picked nor exported.
    """

    NEW = "new"
    PICKED = "picked"
    CORRECTED = "corrected"
    COMPLETE = "complete"
    EXCLUDED = "excluded"


@dataclass(frozen=True)
class MicrographRecord:
    """A micrograph of a project.

    Attributes
    ----------
    id : int
        Its number in the project.
    path : Path
        Where its file was last seen.
    name : str
        The file's name without extension, with the frame's number in stacks, after as many of its folders as
        tell it from the project's other micrographs.
    shape : (int, int)
        Rows and columns.
    pixel_size_angstrom : float or None
        None where neither the file nor the user states it.
    frame, n_frames : int
        Which image of a stack of how many.
    status : Status
        How far the user is with it.
    mask : EditedMask or None
        What the user wants left out on it; None where that is to be found.
    masked_share : float or None
        Share of it, 0..1, that the last picking left out; None where that is not known.
    figures : ListedFigures or None
        What another program's list states of its image; None where none was opened.
    """

    id: int
    path: Path
    name: str
    shape: tuple[int, int]
    pixel_size_angstrom: float | None
    frame: int
    n_frames: int
    status: Status
    mask: EditedMask | None = None
    masked_share: float | None = None
    figures: ListedFigures | None = None

    def micrograph(self) -> Micrograph:
        """Return it as a micrograph to be read, of the same name."""
        folder = self.name.rpartition("/")[0]
        return Micrograph(
            self.path, self.shape, self.pixel_size_angstrom, self.frame, self.n_frames, folder, self.mask,
            self.figures,
        )  # fmt: skip

    @property
    def missing(self) -> bool:
        """Whether its file is not where it was."""
        return not self.path.is_file()
