"""Time of reading, rescaling, masking and normalising one micrograph, with a warm cache.

Run as ``python benchmarks/prepare.py [MICROGRAPH --diameter ANGSTROM]``; without a micrograph it writes
synthetic ones of 4096 x 4096 pixels (int8 and float32, 1.77 A per pixel, diameter 180 A).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import mrcfile
import numpy as np

from napari_hydrapicker.imaging.prepare import prepare
from napari_hydrapicker.io.micrograph import open_micrograph


def median_ms(path: Path, diameter_angstrom: float, use_mask: bool, repeats: int) -> float:
    """Median wall time of opening and preparing a micrograph, milliseconds."""
    times = []
    for _ in range(repeats + 2):
        start = time.perf_counter()
        prepare(open_micrograph(path), diameter_angstrom, use_mask=use_mask)
        times.append(time.perf_counter() - start)
    return 1e3 * float(np.median(times[2:]))


def write_synthetic(folder: Path) -> list[Path]:
    """Write noise with particles' typical grey levels, in two types."""
    noise = np.random.default_rng(0).normal(0, 20, (4096, 4096)).clip(-127, 127)
    paths = []
    for dtype in (np.int8, np.float32):
        path = folder / f"noise_{np.dtype(dtype).name}.mrc"
        with mrcfile.new(path) as mrc:
            mrc.set_data(noise.astype(dtype))
            mrc.voxel_size = 1.77
        paths.append(path)
    return paths


def main() -> None:
    """Print the median times, with and without the automatic mask."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("micrographs", nargs="*", type=Path)
    parser.add_argument("--diameter", type=float, default=180.0, help="particle diameter, Angstrom")
    parser.add_argument("--repeats", type=int, default=15)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for path in arguments.micrographs or write_synthetic(Path(folder)):
            for use_mask in (True, False):
                time_ms = median_ms(path, arguments.diameter, use_mask, arguments.repeats)
                print(f"{path.name}: {time_ms:.1f} ms {'with' if use_mask else 'without'} mask")


if __name__ == "__main__":
    main()
