"""`hydrapicker demo`: simulate a micrograph, pick it, and score the picks."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_hydrapicker.cli.simulate import check_seed, write_mrc
from napari_hydrapicker.wording import counted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_hydrapicker.picks import Picks


_NAME = "demo"


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the results; its demo files are replaced.")] = Path(
        "demo-output"
    ),
    seed: Annotated[int, typer.Option(help="Another seed gives another protein and micrograph.")] = 1,
    no_viewer: Annotated[bool, typer.Option("--no-viewer", help="Do not open napari.")] = False,
) -> None:
    """Simulate a micrograph, pick it with the bundled network, and score the picks."""
    from napari_hydrapicker.evaluation import report
    from napari_hydrapicker.evaluation.matching import Criterion
    from napari_hydrapicker.evaluation.overlay import draw_overlay
    from napari_hydrapicker.evaluation.report import Sample
    from napari_hydrapicker.io import coordinates as formats
    from napari_hydrapicker.io.micrograph import open_micrograph
    from napari_hydrapicker.picking.base import load_picker
    from napari_hydrapicker.picking.parameters import HydraSpec, PickParameters
    from napari_hydrapicker.simulation.sample import sample_micrograph

    check_seed("--seed", seed)
    picker = load_picker(HydraSpec())
    made = sample_micrograph(seed=seed)
    diameter, pixel_size = made.diameter_angstrom, made.pixel_size_angstrom
    path = out / f"{_NAME}.mrc"
    write_mrc(path, made.image, pixel_size)
    candidates = picker.pick_micrograph(
        open_micrograph(path), PickParameters(diameter_angstrom=diameter, border_angstrom=0)
    )
    shape = (made.image.shape[0], made.image.shape[1])
    sample = Sample(_NAME, _NAME, candidates, made.picks, shape, pixel_size, diameter)
    scores = report.evaluate_sets([sample]).pooled.by[Criterion.IOU]

    picks = candidates.above(picker.threshold)
    written = [path]
    for format in ("star", "box"):
        written += formats.write({_NAME: picks}, out, format, overwrite=True)
    overlay = out / f"{_NAME}_overlay.png"
    draw_overlay(made.image, picks, diameter / pixel_size, overlay, truth=made.picks)
    typer.echo(
        f"{counted(len(made.picks), 'particle')}, {counted(len(picks), 'pick')} with FOM "
        f"{picker.threshold:.2g} or more"
    )
    typer.echo(f"AP {scores.ap:.3f} (boxes overlap by more than 0.6), best F1 {scores.best.f1:.3f}")
    for file in (*written, overlay):
        typer.echo(f"wrote {file}")
    if not no_viewer and _can_show():
        _show(made.image, picks, made.picks, diameter / pixel_size)


def _can_show() -> bool:
    """Whether napari is installed and there is a display to open it on."""
    display = sys.platform in ("win32", "darwin") or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
    return display and find_spec("napari") is not None and find_spec("qtpy") is not None


def _show(image: NDArray[np.float32], picks: Picks, truth: Picks, diameter_px: float) -> None:
    napari: Any = import_module("napari")
    viewer = napari.Viewer(title="HydraPicker demo")
    viewer.add_image(image, name="simulated micrograph", colormap="gray")
    ring = {"size": diameter_px, "face_color": "transparent", "symbol": "disc"}
    viewer.add_points(truth.yx, name="true particles", border_color="lime", **ring)
    viewer.add_points(picks.yx, name="picks", border_color="orange", **ring)
    napari.run()
