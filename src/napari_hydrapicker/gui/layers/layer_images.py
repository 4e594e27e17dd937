"""Images that are open in napari as micrographs: those without a file are written to one that is passing."""

from __future__ import annotations

import math
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from numpy.typing import NDArray

from napari_hydrapicker.errors import HydraPickerError, ParameterError, ProjectError
from napari_hydrapicker.io.micrograph import open_micrographs
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.session import PIXEL_SIZES, Session

if TYPE_CHECKING:
    from napari.viewer import Viewer


_ANGSTROM = {"angstrom": 1.0, "nanometer": 10.0, "micrometer": 1e4, "picometer": 0.01}
_BESIDE = ("-heads", "-generators")  # folders that belong to a project file, by what follows its name


@dataclass(frozen=True)
class LayerImage:
    """An image layer's picture, as it is to be picked.

    Attributes
    ----------
    name : str
        The layer's.
    data : array-like, shape (H, W)
        Its pixels; read no sooner than `write` is called.
    pixel_size_angstrom, diameter_angstrom : float or None
        None where the layer does not say.
    """

    name: str
    data: Any
    pixel_size_angstrom: float | None
    diameter_angstrom: float | None

    def write(self, folder: Path) -> Path:
        """Write the picture into a folder; returns the file.

        Raises
        ------
        ParameterError
            If there is no room for it.
        """
        import mrcfile

        pixels: NDArray[Any] = np.asarray(self.data)
        kept = pixels.dtype if pixels.dtype in (np.int16, np.uint16) else np.dtype(np.float32)
        path = folder / f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', self.name).strip('.-') or 'image'}.mrc"
        try:
            with mrcfile.new(path, overwrite=True) as file:
                file.set_data(np.ascontiguousarray(pixels, kept))
                file.voxel_size = self.pixel_size_angstrom or 0.0
        except OSError as error:
            raise ParameterError(f"the image cannot be kept ({error.strerror or error}): {folder}") from error
        return path


def image_layers(viewer: Viewer, ours: Sequence[str]) -> list[Image]:
    """Return the images in a viewer but the plugin's, which go by their names; the active one first."""
    active = viewer.layers.selection.active
    found = [layer for layer in reversed(viewer.layers) if type(layer) is Image and layer.name not in ours]
    return sorted(found, key=lambda layer: (layer is not active, not layer.visible))


def file_of(layer: Image) -> Path | None:
    """Return the file that a layer was read from, if it can be opened as micrographs."""
    named = [layer.metadata.get("path"), getattr(layer.source, "path", None)]
    for name in named:
        try:
            if name and open_micrographs(str(name)):
                return Path(str(name))
        except HydraPickerError:
            continue  # of another program's format: its pixels are there
    return None


def picture_of(layer: Image, step: Sequence[int]) -> LayerImage:
    """Return what a layer shows, of more than two dimensions the plane at a step of the viewer's sliders.

    Raises
    ------
    ParameterError
        If it is no grey picture, or its pixels are not square.
    """
    if layer.rgb:
        raise ParameterError(f"{layer.name} is a colour image: a micrograph is grey; choose another layer")
    data: Any = layer.data[0] if layer.multiscale else layer.data
    if data.ndim < 2:
        raise ParameterError(f"{layer.name} has {data.ndim} dimension, not two: choose another layer")
    if data.ndim > 2:
        sliders = list(step)[-data.ndim : -2]
        data = data[tuple(min(int(at), size - 1) for at, size in zip(sliders, data.shape, strict=False))]
    diameter = layer.metadata.get("diameter_angstrom")
    return LayerImage(layer.name, data, _pixel_size(layer), None if diameter is None else float(diameter))


def _pixel_size(layer: Image) -> float | None:
    stated = layer.metadata.get("pixel_size_angstrom")
    sizes = [float(stated)] * 2 if stated is not None else _scale_angstrom(layer)
    if sizes is None or not all(PIXEL_SIZES[0] <= size <= PIXEL_SIZES[1] for size in sizes):
        return None
    if not math.isclose(*sizes, rel_tol=0.01):
        raise ParameterError(
            f"{layer.name} has pixels of {sizes[0]:g} by {sizes[1]:g} Å: they must be square"
        )
    return sizes[1]


def _scale_angstrom(layer: Image) -> list[float] | None:
    """Return the layer's scale, Angstrom, if it has a unit that is a length."""
    units = getattr(layer, "units", None) or ()
    factors = [_ANGSTROM.get(str(unit)) for unit in units[-2:]]
    if len(factors) < 2 or any(factor is None for factor in factors):
        return None
    return [float(size) * float(factor or 0) for size, factor in zip(layer.scale[-2:], factors, strict=True)]


class PassingProject:
    """The folder of a project that was not saved: it goes when its project is closed."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._folder: Path | None = None
        session.micrographs_changed.connect(self._on_change)

    def begin(self) -> Path:
        """Make a new folder and return it; that of before is left until its project is closed."""
        return Path(tempfile.mkdtemp(prefix="hydrapicker-"))

    def use(self, project: Project) -> None:
        """Show a project in such a folder."""
        self._session.use(project, passing=True)
        self._folder = project.path.parent

    def save(self, target: Path) -> Path:
        """Save the project that is shown under a name of the user's, with all that belongs to it; closes it.

        Raises
        ------
        ProjectError
            If files are there already, or there is no room.
        """
        source, folder = self._session.project.path, target.parent
        images = {record.path for record in self._session.records}
        copies = {
            source: target,
            **{path: folder / path.name for path in images if path.parent == source.parent},
        }
        for suffix in _BESIDE:
            copies[source.with_name(source.name + suffix)] = folder / (target.name + suffix)
        taken = [copy for original, copy in copies.items() if original.exists() and copy.exists()]
        if taken:
            raise ProjectError(f"exists already: choose another folder or name: {taken[0]}")
        kept, self._folder = self._folder, None
        passing = source
        self._session.close()
        try:
            for original, copy in copies.items():
                if original.is_dir():
                    shutil.copytree(original, copy)
                elif original.exists():
                    shutil.copyfile(original, copy)
        except OSError as error:
            for original, copy in copies.items():
                if original.exists():  # half a copy of it may be there
                    shutil.rmtree(copy, ignore_errors=True) if copy.is_dir() else copy.unlink(missing_ok=True)
            self.use(Project.open(passing))
            raise ProjectError(f"cannot be saved ({error.strerror or error}): {target}") from error
        _remove(kept)
        return target

    def close(self) -> None:
        """Remove the folder: nothing that is open needs it any more."""
        folder, self._folder = self._folder, None
        _remove(folder)

    def _on_change(self) -> None:
        if self._folder is not None and not self._session.is_open:
            self.close()


def _remove(folder: Path | None) -> None:
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
