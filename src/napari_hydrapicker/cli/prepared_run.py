"""Runs that go on by themselves where one before stopped: RELION's jobs, and a watch that lasts for days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_hydrapicker.cli.inputs import with_pixel_size
from napari_hydrapicker.cli.pick import looked_at
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picking.parameters import HydraSpec, NetworkSpec, PickParameters, RunConfig

if TYPE_CHECKING:
    from napari_hydrapicker.picking.base import Picker
    from napari_hydrapicker.picking.outputs import OutputFolder


@dataclass(frozen=True)
class RunOptions:
    """What decides how a run picks, and what it writes."""

    out: Path
    spec: NetworkSpec
    parameters: PickParameters
    threshold: float | None = None
    pixel_size_angstrom: float | None = None
    device: str = "auto"
    formats: tuple[str, ...] = ("star",)
    overlay: bool = False
    overwrite: bool = False


def prepared(options: RunOptions, first: Sequence[Micrograph]) -> tuple[Picker, OutputFolder]:
    """Load the picker for a run that goes on where one before stopped, and its folder, which is not begun.

    Parameters
    ----------
    first
        Micrographs to find the particles' contrast on, where it is not given.

    Raises
    ------
    HydraPickerError
        If a network cannot be loaded.
    """
    from napari_hydrapicker.picking.base import load_picker
    from napari_hydrapicker.picking.library import identified
    from napari_hydrapicker.picking.outputs import OutputFolder, Settings

    spec, parameters = _as_before(options), options.parameters
    picker, spec = looked_at(
        load_picker(spec, options.device), spec, with_pixel_size(first, options.pixel_size_angstrom),
        parameters.diameter_angstrom,
    )  # fmt: skip
    least = picker.threshold if options.threshold is None else options.threshold
    settings = Settings(
        options.out, parameters, options.formats, options.pixel_size_angstrom, least, options.overlay,
        options.overwrite, resume=not options.overwrite,
    )  # fmt: skip
    config = RunConfig.of(spec, identified(spec), parameters, least, options.formats, options.overlay)
    return picker, OutputFolder(settings, config)


def _as_before(options: RunOptions) -> NetworkSpec:
    """What to pick with; contrast that is to be found out is what a run before has found.

    Other micrographs might say otherwise, and a folder may hold picks of one kind only.
    """
    from napari_hydrapicker.picking.manifest import Manifest

    spec = options.spec
    if options.overwrite or not isinstance(spec, HydraSpec) or spec.known_contrast is not None:
        return spec
    manifest = Manifest(options.out)
    manifest.refresh()
    before = next(reversed(manifest.configs.values()), None)
    if before is None or before.picker != spec.kind:
        return spec
    return spec.model_copy(update={"contrast": before.picker_options.get("contrast", spec.contrast)})
