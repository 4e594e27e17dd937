"""What parameters of the core are called on the command line."""

from __future__ import annotations

from napari_hydrapicker.wording import with_parameters

_ONE_OF_SEVERAL = {"libraries": "library"}  # an option that can be repeated is called in the singular


def option(parameter: str) -> str:
    """Return what a parameter of the core is called on the command line."""
    name = _ONE_OF_SEVERAL.get(parameter, parameter).removesuffix("_angstrom").removesuffix("_wpx")
    return "--" + name.replace("_", "-")


def in_option_words(text: str) -> str:
    """Return a message of the core with the names of options."""
    return with_parameters(text, option)
