"""Particle picking for cryo-EM in napari: pick, correct, specialise, export.

What the window and the command line do, a notebook does with these functions::

    import napari_hydrapicker as hydrapicker

    micrograph = hydrapicker.open_micrograph("grid1_0001.mrc")
    picks = hydrapicker.pick(micrograph, diameter_angstrom=180)
    hydrapicker.write_picks(picks, "picks", "star", micrographs=micrograph)

Positions are particle centres as (row, column), in pixels of the micrograph; lengths have their unit in
their name. What a user can mend is raised as an `errors.HydraPickerError` that names the parameter or the
file.

Importing the package loads nothing else; a function is imported when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_hydrapicker.classes.classify import classify
    from napari_hydrapicker.evaluation.evaluate import evaluate
    from napari_hydrapicker.io.coordinates.conversion import convert, read_picks, write_picks
    from napari_hydrapicker.io.micrograph import Micrograph, open_micrograph
    from napari_hydrapicker.picking.pick import load_network, pick
    from napari_hydrapicker.picks import Picks
    from napari_hydrapicker.simulation.sample import simulate
    from napari_hydrapicker.training.kept_head import finetune

__version__ = "0.2.0"

__all__ = [
    "Micrograph",
    "Picks",
    "classify",
    "convert",
    "evaluate",
    "finetune",
    "load_network",
    "open_micrograph",
    "pick",
    "read_picks",
    "simulate",
    "write_picks",
]

_HOME = {
    "Micrograph": "io.micrograph",
    "Picks": "picks",
    "classify": "classes.classify",
    "convert": "io.coordinates.conversion",
    "evaluate": "evaluation.evaluate",
    "finetune": "training.kept_head",
    "load_network": "picking.pick",
    "open_micrograph": "io.micrograph",
    "pick": "picking.pick",
    "read_picks": "io.coordinates.conversion",
    "simulate": "simulation.sample",
    "write_picks": "io.coordinates.conversion",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, *(name for name in globals() if name.startswith("__"))])
