"""What a run of picking needs before its first micrograph: the picker, and the folder of its results.

The commands prepare their runs so, and the window's worker its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picking.parameters import (
    HydraSpec,
    NetworkSpec,
    PickerSpec,
    PickParameters,
    RunConfig,
)
from napari_hydrapicker.picking.shard import Shard

if TYPE_CHECKING:
    from napari_hydrapicker.picking.base import Picker
    from napari_hydrapicker.picking.manifest import Manifest
    from napari_hydrapicker.picking.outputs import OutputFolder


@dataclass(frozen=True)
class RunOptions:
    """What decides how a run picks, and what it writes; without a threshold the network's holds.

    A `mixed` run leaves what other options gave on micrographs that it does not pick.
    """

    out: Path
    spec: PickerSpec
    parameters: PickParameters
    threshold: float | None = None
    pixel_size_angstrom: float | None = None
    device: str = "auto"
    formats: tuple[str, ...] = ("star",)
    overlay: bool = False
    overwrite: bool = False
    resume: bool = False
    shard: Shard | None = None
    mixed: bool = False


@dataclass(frozen=True)
class PreparedRun:
    """A picker with its specification, and the folder, which is not begun.

    `remarks` are what the user should know of contrast and diameter.
    """

    picker: Picker
    spec: PickerSpec
    folder: OutputFolder
    remarks: tuple[str, ...] = ()


def prepared(
    options: RunOptions,
    micrographs: Sequence[Micrograph],
    picker: Picker | None = None,
    manifest: Manifest | None = None,
) -> PreparedRun:
    """Load the picker, find out the particles' contrast, and describe the run.

    Parameters
    ----------
    micrographs
        To find the contrast on, where it is not given.
    picker
        That of the options, if it is loaded already.
    manifest
        That of the folder, if it is read already.

    Raises
    ------
    HydraPickerError
        If a network cannot be loaded.
    """
    # Not before the arguments are known to make sense: torch takes a second or two to load.
    from napari_hydrapicker.picking.base import load_picker
    from napari_hydrapicker.picking.model_files import identified
    from napari_hydrapicker.picking.outputs import OutputFolder, Settings

    o, parameters = options, options.parameters
    if o.pixel_size_angstrom is not None:
        micrographs = [one.with_pixel_size(o.pixel_size_angstrom) for one in micrographs]
    loaded = load_picker(o.spec, o.device) if picker is None else picker
    picker, spec, remarks = looked_at(loaded, o.spec, micrographs, parameters.diameter_angstrom)
    least = picker.threshold if o.threshold is None else o.threshold
    settings = Settings(
        o.out, parameters, o.formats, o.pixel_size_angstrom, least, o.overlay, o.overwrite, o.resume, o.shard,
        o.mixed,
    )  # fmt: skip
    config = RunConfig.of(spec, identified(spec), parameters, least, o.formats, o.overlay)
    return PreparedRun(picker, spec, OutputFolder(settings, config, manifest), remarks)


def as_before(spec: NetworkSpec, out: Path) -> NetworkSpec:
    """What to pick with in a run that goes on: contrast that is to be found out is what the one before found.

    Other micrographs might say otherwise, and a folder may hold picks of one kind only.
    """
    from napari_hydrapicker.picking.manifest import Manifest

    if not isinstance(spec, HydraSpec) or spec.known_contrast is not None:
        return spec
    manifest = Manifest(out)
    manifest.refresh()
    before = next(reversed(manifest.configs.values()), None)
    if before is None or before.picker != spec.kind:
        return spec
    return spec.model_copy(update={"contrast": before.picker_options.get("contrast", spec.contrast)})


def looked_at(
    picker: Picker,
    spec: PickerSpec,
    micrographs: Sequence[Micrograph],
    diameter_angstrom: float,
) -> tuple[Picker, PickerSpec, tuple[str, ...]]:
    """Return the picker for the particles' contrast, its specification with that, and remarks.

    The remarks are of what `survey.look_first` sees. Pickers that know one contrast alone are returned as
    they are.
    """
    from napari_hydrapicker.picking.survey import look_first

    if not isinstance(spec, HydraSpec):
        return picker, spec, ()
    seen = look_first(picker, micrographs, diameter_angstrom, spec.known_contrast)
    return seen.picker, spec.model_copy(update={"contrast": seen.contrast}), seen.remarks
