"""What a project knows about a micrograph besides its picks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from napari_hydrapicker.io.edited_mask import EditedMask
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

    def micrograph(self) -> Micrograph:
        """Return it as a micrograph to be read, of the same name."""
        folder = self.name.rpartition("/")[0]
        return Micrograph(
            self.path, self.shape, self.pixel_size_angstrom, self.frame, self.n_frames, folder, self.mask
        )

    def reference(self) -> MicrographRef | None:
        """Return what the worker opens it by; None without a pixel size."""
        if self.pixel_size_angstrom is None:
            return None
        folder = self.name.rpartition("/")[0]
        return MicrographRef(self.id, str(self.path), self.frame, self.pixel_size_angstrom, folder, self.mask)

    @property
    def missing(self) -> bool:
        """Whether its file is not where it was."""
        return not self.path.is_file()


@dataclass(frozen=True)
class MicrographRef:
    """A micrograph to be picked: frame `frame`, from 0, of the file at `path`.

    `folder` stands before its name where the window has another one of that name. What the user wants left
    out on it is in `mask`, None where that is to be found.
    """

    id: int
    path: str
    frame: int
    pixel_size_angstrom: float
    folder: str = ""
    mask: EditedMask | None = None


@dataclass(frozen=True)
class PickedRef:
    """A micrograph with its picks (N, 2), (row, column), pixels."""

    micrograph: MicrographRef
    yx: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class CorrectedRef:
    """A corrected micrograph: particles (N, 2) and deleted picks (M, 2), (row, column), pixels."""

    micrograph: MicrographRef
    yx: tuple[tuple[float, float], ...]
    negative_yx: tuple[tuple[float, float], ...]
    complete: bool
