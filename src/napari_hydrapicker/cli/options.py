"""Options that several commands have, and what parameters are called on the command line."""

from __future__ import annotations

from enum import StrEnum

from napari_hydrapicker.errors import with_parameters


class PickerName(StrEnum):
    """Which picker."""

    HYDRA = "hydra"
    CGAN = "cgan"


class Quality(StrEnum):
    """How much is computed for a micrograph."""

    FAST = "fast"
    BEST = "best"


class ContrastName(StrEnum):
    """How particles stand out from the background."""

    AUTO = "auto"
    DARK = "dark"
    LIGHT = "light"


def option(parameter: str) -> str:
    """Return what a parameter of the core is called on the command line."""
    return "--" + parameter.removesuffix("_angstrom").replace("_", "-")


def in_option_words(text: str) -> str:
    """Return a message of the core with the names of options."""
    return with_parameters(text, option)
