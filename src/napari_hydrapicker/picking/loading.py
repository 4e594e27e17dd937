"""From the description of a picker to the picker itself, its networks loaded."""

from __future__ import annotations

from napari_hydrapicker.picking.base import Picker
from napari_hydrapicker.picking.cgan import CGanPicker
from napari_hydrapicker.picking.head_library import HeadLibrary
from napari_hydrapicker.picking.hydra import HydraNetPicker
from napari_hydrapicker.picking.joint import ImportedPicks, JointPicker
from napari_hydrapicker.picking.parameters import CGanSpec, ConsensusSpec, HydraSpec

AnyPicker = HydraNetPicker | CGanPicker | JointPicker


def load_network(spec: HydraSpec | CGanSpec, device: str = "auto") -> HydraNetPicker | CGanPicker:
    """Load a network: see `load_picker`."""
    if isinstance(spec, CGanSpec):
        return CGanPicker.load(spec.weights, device, spec.split)
    libraries = [HeadLibrary(folder) for folder in spec.libraries]
    contrast = spec.known_contrast or "dark"
    return HydraNetPicker.load(
        spec.weights, spec.head, device, spec.tile_wpx, libraries, spec.quality, contrast
    )


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
    if not isinstance(spec, ConsensusSpec):
        return load_network(spec, device)
    imported = None if spec.imported is None else ImportedPicks.read(spec.imported)
    members: dict[str, Picker] = {one.kind: load_network(one, device) for one in spec.members}
    return JointPicker(members, imported, spec.votes)
