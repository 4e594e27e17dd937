"""A look at a few micrographs before all are picked, in the words of the command line."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from napari_hydrapicker.cli.pickers import ContrastName

if TYPE_CHECKING:
    from napari_hydrapicker.micrograph import Micrograph
    from napari_hydrapicker.picking.picker import Picker

logger = logging.getLogger(__name__)


def looked_at(
    picker: Picker,
    micrographs: Sequence[Micrograph],
    diameter_angstrom: float,
    pixel_size_angstrom: float | None,
    contrast: ContrastName,
) -> tuple[Picker, Literal["dark", "light"]]:
    """Return the picker for the particles' contrast, and that contrast; warns of what `survey.look_first`
    sees.

    Pickers that know one contrast alone are returned as they are.
    """
    from napari_hydrapicker.picking.hydra import HydraNetPicker
    from napari_hydrapicker.picking.survey import look_first

    if not isinstance(picker, HydraNetPicker):
        return picker, "dark"
    known: dict[ContrastName, Literal["dark", "light"]] = {
        ContrastName.DARK: "dark", ContrastName.LIGHT: "light"
    }  # fmt: skip
    found = look_first(picker, micrographs, diameter_angstrom, pixel_size_angstrom, known.get(contrast))
    for remark in found.remarks:
        logger.warning(
            remark.replace("choose the contrast dark", "give --contrast dark").replace(
                "estimate it from more micrographs", "see `hydrapicker diameter`"
            )
        )
    return found.picker, found.picker.contrast
