"""What a project knows about a micrograph besides its picks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_hydrapicker.micrograph import Micrograph
from napari_hydrapicker.project.status import Status


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
        The file's name without extension, with the frame's number in stacks.
    shape : (int, int)
        Rows and columns.
    pixel_size_angstrom : float or None
        None where neither the file nor the user states it.
    frame, n_frames : int
        Which image of a stack of how many.
    status : Status
        How far the user is with it.
    """

    id: int
    path: Path
    name: str
    shape: tuple[int, int]
    pixel_size_angstrom: float | None
    frame: int
    n_frames: int
    status: Status

    def micrograph(self) -> Micrograph:
        """Return it as a micrograph to be read."""
        return Micrograph(self.path, self.shape, self.pixel_size_angstrom, self.frame, self.n_frames)

    @property
    def missing(self) -> bool:
        """Whether its file is not where it was."""
        return not self.path.is_file()
