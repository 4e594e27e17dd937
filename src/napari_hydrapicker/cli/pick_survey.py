"""A look at a few micrographs before all are picked: are particles light, and does the diameter fit?"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, cast

from napari_hydrapicker.cli.pickers import ContrastName
from napari_hydrapicker.errors import HydraPickerError

if TYPE_CHECKING:
    from napari_hydrapicker.micrograph import Micrograph
    from napari_hydrapicker.picking.picker import Picker

logger = logging.getLogger(__name__)

_SAME_DIAMETER = 1.25  # ratio within which a head is at home

_WORTH_IT = 4  # micrographs from which on several diameters are tried: that takes as long as picking ten


def looked_at(
    picker: Picker,
    micrographs: Sequence[Micrograph],
    diameter_angstrom: float,
    pixel_size_angstrom: float | None,
    contrast: ContrastName,
) -> tuple[Picker, Literal["dark", "light"]]:
    """Return the picker for the particles' contrast, and that contrast; warns where the diameter does not
    fit.

    What cannot be picked says nothing here: it has its own line when its turn comes. Pickers that know one
    contrast alone are returned as they are.
    """
    from napari_hydrapicker.picking.hydra import HydraNetPicker

    if not isinstance(picker, HydraNetPicker):
        return picker, "dark"
    known = picker.head_diameter_angstrom
    if known is not None and not 1 / _SAME_DIAMETER < diameter_angstrom / known < _SAME_DIAMETER:
        logger.warning(
            "the head %r was trained at a diameter of %g A, and is used at %g A: it may find much less there",
            picker.head, known, diameter_angstrom,
        )  # fmt: skip
    if contrast is not ContrastName.AUTO:
        chosen = cast(Literal["dark", "light"], contrast.value)
        return replace(picker, contrast=chosen), chosen
    from napari_hydrapicker.picking.survey import chosen_for_survey, find_contrast, find_diameter

    few = chosen_for_survey(micrographs)
    quick = replace(picker, quality="fast")
    try:
        found = find_contrast(quick, few, diameter_angstrom, pixel_size_angstrom)
        if found.contrast == "light":
            logger.warning(
                "the particles seem to be light on a dark background, and are picked as such; if they are "
                "not, give --contrast dark"
            )
        picker, quick = (replace(one, contrast=found.contrast) for one in (picker, quick))
        if len(micrographs) < _WORTH_IT:
            return picker, found.contrast
        sizes = find_diameter(quick, few[:1], diameter_angstrom, pixel_size_angstrom)
        if not sizes.stated_fits:
            logger.warning(
                "a diameter of %g A does not seem to fit: far more is found at about %.0f A; look at both "
                "with `hydrapicker diameter`",
                diameter_angstrom, sizes.best_angstrom,
            )  # fmt: skip
    except HydraPickerError as error:
        logger.debug("contrast and diameter could not be looked at: %s", error)
    return picker, picker.contrast
