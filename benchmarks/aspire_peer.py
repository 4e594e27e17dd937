"""ASPIRE's APPLE picker as a process that serves (`serving`), in an environment with ``aspire``.

It segments a micrograph by a classifier that it trains on it, and gives centres without scores: a precision
and a recall, no curve. Its two thresholds are meant for micrographs of 4000 x 4000 pixels, and are scaled to
the size; the margins that it cuts off by default are left in. It looks at a square.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import mrcfile
import numpy as np

from benchmarks.serving import Json, seconds_of, serve

_CONTAINER_DIAMETERS = 4.5
_SHARES = (0.03, 0.3)  # of the windows: particles, and all but noise; its defaults


def centres(image: np.ndarray, diameter_px: float) -> np.ndarray:
    """Centres (N, 2), row and column."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):  # where it begins a log
        from aspire.apple.apple import Apple

    size = round(diameter_px)
    query = size * 2 // 3 // 4 * 4
    windows = min(image.shape) ** 2 / query**2 * 4
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "micrograph.mrc"
        with mrcfile.new(path) as file:  # without a pixel size, which it would want to be told
            file.set_data(image)
        picker = Apple(
            size, output_dir=None, container_size=int(_CONTAINER_DIAMETERS * size),
            tau1=int(_SHARES[0] * windows), tau2=int(_SHARES[1] * windows), mrc_margin_left=0,
            mrc_margin_right=1, mrc_margin_top=0,
            mrc_margin_bottom=1, conv_map_nthreads=1,
        )  # fmt: skip
        xy: np.ndarray = picker.process_micrograph_centers(str(path))
    return xy[:, ::-1]


def answer(job: Json) -> Json:
    """Pick the micrographs of a job."""
    made, spent = {}, []
    for path, pixel in job["micrographs"]:
        with mrcfile.open(path, permissive=True) as file:
            image = np.asarray(file.data, np.float32)
        yx, seconds = seconds_of(lambda i=image, d=job["diameter"] / pixel: centres(i, d))
        made[Path(path).stem] = {"yx": np.asarray(yx, np.float64).tolist(), "score": [1.0] * len(yx)}
        spent.append(seconds)
    return {"variants": {"": made}, "seconds": {"": float(np.mean(spent))}}


if __name__ == "__main__":
    serve(answer)
