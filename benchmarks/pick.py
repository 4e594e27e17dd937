"""Time of picking one 4096 x 4096 micrograph, beside Topaz where it is installed, in turns.

Run as ``python benchmarks/pick.py [MICROGRAPH --diameter ANGSTROM] [--weights FILE]``; without a micrograph
it writes noise of 4096 x 4096 pixels (1.77 A per pixel, diameter 180 A). Networks are loaded beforehand.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import mrcfile
import numpy as np
import torch

from napari_hydrapicker.hydra.model import HydraPicker
from napari_hydrapicker.hydra.weights import Metadata
from napari_hydrapicker.imaging.prepare import prepare
from napari_hydrapicker.micrograph import open_micrograph
from napari_hydrapicker.picking.hydra import HydraNetPicker


def load(weights: Path | None, untrained: bool) -> HydraNetPicker:
    """The network to time; an untrained one computes as long as a trained one, but for the picks."""
    if untrained:
        model = HydraPicker().eval().to(memory_format=torch.channels_last)
        return HydraNetPicker(model, Metadata())
    return HydraNetPicker.load(weights, device="cpu")


def topaz(path: Path, radius: int) -> Callable[[], None] | None:
    """`topaz preprocess` at 1/8 and `topaz extract` with its bundled resnet16, in process."""
    try:
        from topaz.algorithms import non_maximum_suppression
        from topaz.model.factory import load_model
        from topaz.stats import normalize
        from topaz.utils.image import downsample
    except ImportError:
        return None
    model = load_model("resnet16")
    model.eval()
    model.fill()

    def run() -> None:
        with mrcfile.open(path, permissive=True) as file:
            pixels = np.array(file.data, np.float32)
        image, _ = normalize(downsample(pixels, 8).astype(np.float32), method="gmm")
        with torch.no_grad():
            score = model(torch.from_numpy(image)[None, None]).data[0, 0].numpy()
        non_maximum_suppression(score, radius, threshold=-6)

    return run


def main() -> None:
    """Print the median times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("micrograph", nargs="?", type=Path)
    parser.add_argument("--diameter", type=float, default=180.0, help="particle diameter, Angstrom")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--untrained", action="store_true", help="time a network without a file")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    picker = load(arguments.weights, arguments.untrained)
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.micrograph or write_noise(Path(folder) / "noise.mrc")
        jobs: dict[str, Callable[[], object]] = {
            "prepare": lambda: prepare(open_micrograph(path), arguments.diameter),
            "pick": lambda: picker.pick_micrograph(open_micrograph(path), arguments.diameter),
        }
        pixel_size = open_micrograph(path).pixel_size_angstrom or 1.77
        other = topaz(path, max(1, round(arguments.diameter / pixel_size / 8 / 2)))
        if other is None:
            print("topaz-em is not installed: left out")
        else:
            jobs["topaz"] = other
        times: dict[str, list[float]] = {name: [] for name in jobs}
        for _ in range(arguments.repeats + 1):
            for name, job in jobs.items():
                start = time.perf_counter()
                job()
                times[name].append(time.perf_counter() - start)
        for name, seconds in times.items():
            print(f"{name}: {np.median(seconds[1:]):.3f} s")


def write_noise(path: Path) -> Path:
    """Write a micrograph of noise."""
    with mrcfile.new(path) as file:
        file.set_data(np.random.default_rng(0).normal(0, 20, (4096, 4096)).astype(np.float32))
        file.voxel_size = 1.77
    return path


if __name__ == "__main__":
    main()
