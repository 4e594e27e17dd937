"""From the description of a picker to the picker itself, its networks loaded."""

from __future__ import annotations

from typing import overload

from napari_hydrapicker.picking.base import Picker
from napari_hydrapicker.picking.cgan import CGanPicker
from napari_hydrapicker.picking.head_library import HeadLibrary
from napari_hydrapicker.picking.hydra import HydraNetPicker
from napari_hydrapicker.picking.joint import ImportedPicks, JointPicker
from napari_hydrapicker.picking.parameters import CGanSpec, ConsensusSpec, HydraSpec

AnyPicker = HydraNetPicker | CGanPicker | JointPicker


@overload
def load_picker(spec: HydraSpec, device: str = "auto") -> HydraNetPicker: ...
@overload
def load_picker(spec: HydraSpec | CGanSpec | ConsensusSpec, device: str = "auto") -> AnyPicker: ...
def load_picker(spec: HydraSpec | CGanSpec | ConsensusSpec, device: str = "auto") -> AnyPicker:
    """Load what a specification names.

    Particles are taken for dark where their contrast is to be found out: see `survey.look_first`.

    Parameters
    ----------
    spec
        What to pick with.
    device
        "auto", "cpu", "cuda" or "mps".

    Raises
    ------
    WeightsError
        If a file is none of ours or is damaged, or the head belongs to another network.
    ParameterError
        If there is no such head or device, tiles cannot have this size, or a consensus has too few members.
    CoordinateFileError
        If picks of another program cannot be read.
    """
    if isinstance(spec, HydraSpec):
        libraries = [HeadLibrary(folder) for folder in spec.libraries]
        return HydraNetPicker.load(
            spec.weights, spec.head, device, spec.tile_wpx, libraries, spec.quality,
            spec.known_contrast or "dark",
        )  # fmt: skip
    if isinstance(spec, CGanSpec):
        return CGanPicker.load(spec.weights, device, spec.split)
    imported = None if spec.imported is None else ImportedPicks.read(spec.imported)
    members: dict[str, Picker] = {one.kind: load_picker(one, device) for one in spec.members}
    return JointPicker(members, imported, spec.votes)
