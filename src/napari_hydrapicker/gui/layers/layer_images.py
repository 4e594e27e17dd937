"""Images that are open in napari as micrographs: those without a file are written to one that is passing."""

from __future__ import annotations

import math
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image

from napari_hydrapicker.errors import HydraPickerError, ParameterError, ProjectError
from napari_hydrapicker.io.micrograph import Micrograph, of_layer, open_micrographs, pixel_sizes_of_layer
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.session import Session

if TYPE_CHECKING:
    from napari.viewer import Viewer


_BESIDE = ("-heads", "-generators")  # folders that belong to a project file, by what follows its name


@dataclass(frozen=True)
class LayerImage:
    """An image layer's picture, as it is to be picked.

    Attributes
    ----------
    micrograph : Micrograph
        What the layer shows, in memory.
    diameter_angstrom : float or None
        None where the layer does not say.
    """

    micrograph: Micrograph
    diameter_angstrom: float | None

    def write(self, folder: Path) -> Path:
        """Write the picture into a folder; returns the file.

        Raises
        ------
        ParameterError
            If there is no room for it.
        """
        import mrcfile

        pixels = self.micrograph.pixels()
        kept = pixels.dtype if pixels.dtype in (np.int16, np.uint16) else np.dtype(np.float32)
        name = re.sub(r"[^A-Za-z0-9_.-]+", "-", self.micrograph.name).strip(".-") or "image"
        path = folder / f"{name}.mrc"
        try:
            with mrcfile.new(path, overwrite=True) as file:
                file.set_data(np.ascontiguousarray(pixels, kept))
                file.voxel_size = self.micrograph.pixel_size_angstrom or 0.0
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
    MicrographError
        If it is no grey picture.
    ParameterError
        If its pixels are not square.
    """
    sizes = pixel_sizes_of_layer(layer)
    if sizes is not None and not math.isclose(*sizes, rel_tol=0.01):
        raise ParameterError(
            f"{layer.name} has pixels of {sizes[0]:g} by {sizes[1]:g} Å: they must be square"
        )
    diameter = layer.metadata.get("diameter_angstrom")
    return LayerImage(of_layer(layer, step), None if diameter is None else float(diameter))


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
