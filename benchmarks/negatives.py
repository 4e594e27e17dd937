"""Picks on micrographs that show no particles, with and without the automatic mask: all of them are wrong.

Run as ``python benchmarks/negatives.py FOLDER [--diameters 16,24,32] [--overlays FOLDER]``, where every
sub-folder holds the micrographs of one kind (crystalline ice, contamination, ...). Their pixel size need not
be known: each is picked for particles of several diameters, given in pixels. A line for each micrograph
says how much of it the mask leaves out and how many picks reach the threshold; the table at the end counts
them by kind.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_hydrapicker.evaluation.overlay import draw_overlay
from napari_hydrapicker.imaging.prepare import Prepared, prepare
from napari_hydrapicker.io.find import find_micrographs
from napari_hydrapicker.io.micrograph import Micrograph, open_micrograph
from napari_hydrapicker.picking.base import kept
from napari_hydrapicker.picking.hydra import HydraNetPicker
from napari_hydrapicker.picking.parameters import HydraSpec, PickParameters

PIXEL_ANGSTROM = 1.0  # a length in Angstrom is then the same number of pixels
SHADE = 0.35  # brightness that a masked area keeps in an overlay


def wrong_picks(
    picker: HydraNetPicker, micrograph: Micrograph, diameter_px: float, threshold: float, overlay: Path | None
) -> tuple[float, int, int]:
    """Pick a micrograph; with `overlay`, draw the picks that the mask lets pass, and the mask as a shade.

    Returns
    -------
    masked : float
        Share of the micrograph that is left out.
    without, with_mask : int
        Picks of at least `threshold`, without the mask and with it.
    """
    counts = []
    for use_mask in (False, True):
        prepared = prepare(micrograph, diameter_px, PIXEL_ANGSTROM, use_mask)
        parameters = PickParameters(diameter_angstrom=diameter_px * PIXEL_ANGSTROM)
        picks = kept(picker.candidates(prepared), parameters, PIXEL_ANGSTROM).above(threshold)
        counts.append(len(picks))
    if overlay is not None:
        pixels = micrograph.pixels().astype(np.float32)
        dark = float(pixels.min())
        shaded = np.where(_in_pixels(prepared), pixels, dark + SHADE * (pixels - dark))
        draw_overlay(shaded, picks, diameter_px, overlay)
    return 1 - float(prepared.mask.mean()), counts[0], counts[1]


def _in_pixels(prepared: Prepared) -> NDArray[np.bool_]:
    """The mask at the size of the micrograph."""
    rows, cols = (
        np.minimum(np.rint(np.arange(n) * n_w / n).astype(int), n_w - 1)
        for n, n_w in zip(prepared.shape_px, prepared.shape_wpx, strict=True)
    )
    return prepared.mask[np.ix_(rows, cols)]


def main() -> None:
    """Print a line for every micrograph and diameter, then the sums for every kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--diameters", default="16,24,32", help="of the particles sought, pixels")
    parser.add_argument("--weights", type=Path, help="network; by default the bundled one")
    parser.add_argument("--threshold", type=float, help="least probability; by default the network's own")
    parser.add_argument("--overlays", type=Path, help="folder for pictures of the picks and the mask")
    arguments = parser.parse_args()
    picker = HydraNetPicker.load(HydraSpec(weights=arguments.weights))
    threshold = picker.threshold if arguments.threshold is None else arguments.threshold
    print(f"picks from a probability of {threshold:.2f} on, without -> with the mask")
    totals: dict[tuple[str, float], list[tuple[float, int, int]]] = defaultdict(list)
    for kind in sorted(path for path in arguments.folder.iterdir() if path.is_dir()):
        for path in find_micrographs([kind]):
            for diameter in map(float, arguments.diameters.split(",")):
                overlay = None
                if arguments.overlays is not None:
                    arguments.overlays.mkdir(parents=True, exist_ok=True)
                    overlay = arguments.overlays / f"{kind.name}_{path.stem}_{diameter:g}.png"
                found = wrong_picks(picker, open_micrograph(path), diameter, threshold, overlay)
                totals[kind.name, diameter].append(found)
                print(f"{kind.name} {path.stem} at {diameter:g} px: {_line([found])}", flush=True)
    for (kind_name, diameter), found_all in totals.items():
        print(f"{kind_name}, all {len(found_all)} at {diameter:g} px: {_line(found_all)}")


def _line(found: list[tuple[float, int, int]]) -> str:
    masked, without, with_mask = np.array(found).T
    return f"{100 * masked.mean():.1f} % masked, {int(without.sum())} -> {int(with_mask.sum())} picks"


if __name__ == "__main__":
    main()
