"""Micrographs as napari image layers in pixels: files that are opened, and the simulated sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_hydrapicker.errors import HydraPickerError
from napari_hydrapicker.io.micrograph import Micrograph, open_micrographs

LayerData = tuple[Any, dict[str, Any], str]
Paths = str | Sequence[str]

# What napari takes for "read, but there is nothing to show".
_NO_LAYERS: list[Any] = [(None,)]
# Grey levels beyond these percentiles are drawn black or white: hot pixels would flatten the rest.
_CONTRAST_PERCENTILES = (0.2, 99.8)
_CONTRAST_SAMPLES_PER_AXIS = 512


def get_reader(path: Paths) -> Callable[[Paths], list[LayerData]]:
    """Return the reader of micrographs; the manifest's patterns have chosen the files already."""
    return read_micrographs


def read_micrographs(path: Paths) -> list[LayerData]:
    """Read one file or several into one image layer each; a stack becomes a layer with a slider.

    The layers are in pixels (scale 1), so that points on them are pixel coordinates. The pixel size
    goes into ``layer.metadata["pixel_size_angstrom"]``. A file that cannot be read gives a napari
    notification and no layer.
    """
    layers: list[LayerData] = []
    for file in [path] if isinstance(path, str) else path:
        try:
            layers.append(_layer(open_micrographs(file)))
        except HydraPickerError as error:
            _notify(str(error))
    return layers or _NO_LAYERS


def contrast_limits(pixels: NDArray[Any]) -> tuple[float, float] | None:
    """Return grey levels for black and white, or None if all finite pixels are alike.

    Parameters
    ----------
    pixels : ndarray, shape (H, W)
        May hold NaN and infinities.
    """
    steps = (max(1, size // _CONTRAST_SAMPLES_PER_AXIS) for size in pixels.shape)
    sample = pixels[tuple(slice(None, None, step) for step in steps)].astype(np.float64)
    sample = sample[np.isfinite(sample)]
    if sample.size == 0:
        return None
    low, high = np.percentile(sample, _CONTRAST_PERCENTILES)
    return (float(low), float(high)) if low < high else None


def _layer(micrographs: list[Micrograph]) -> LayerData:
    first = micrographs[0]
    pixels = _displayable(first)
    name = first.name if len(micrographs) == 1 else first.path.stem
    options: dict[str, Any] = {
        "name": name,
        "colormap": "gray",
        "metadata": {"path": str(first.path), "pixel_size_angstrom": first.pixel_size_angstrom},
    }
    limits = contrast_limits(pixels)
    if limits is not None:
        options["contrast_limits"] = limits
    return (pixels if len(micrographs) == 1 else _lazy_stack(micrographs, pixels.dtype)), options, "image"


def _displayable(micrograph: Micrograph) -> NDArray[Any]:
    """Return the pixels in a type that can be drawn: native byte order, no half precision."""
    pixels = micrograph.pixels()
    if pixels.dtype == np.float16:
        return pixels.astype(np.float32)
    return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)


def _lazy_stack(micrographs: list[Micrograph], dtype: np.dtype[Any]) -> Any:
    """Stack frames, shape (N, H, W), so that each is read when it is shown."""
    import dask
    import dask.array as da

    read = dask.delayed(_displayable, pure=True)
    return da.stack([da.from_delayed(read(m), shape=m.shape, dtype=dtype) for m in micrographs])


def _notify(message: str) -> None:
    from napari.utils.notifications import show_error

    show_error(message)


def sample_micrograph() -> list[LayerData]:
    """Simulate a micrograph; return it as an image layer, and its particles as a points layer.

    Both are in pixels. The pixel size and the particles' diameter are in the layers' metadata.
    """
    # The simulator needs torch, which is slow to load: not before it is asked for.
    from napari_hydrapicker.simulation import sample

    simulated = sample.sample_micrograph()
    metadata = {
        "pixel_size_angstrom": simulated.pixel_size_angstrom,
        "diameter_angstrom": simulated.diameter_angstrom,
    }
    image: dict[str, Any] = {"name": "simulated micrograph", "colormap": "gray", "metadata": metadata}
    limits = contrast_limits(simulated.image)
    if limits is not None:
        image["contrast_limits"] = limits
    particles = {
        "name": "true particles",
        "size": simulated.diameter_angstrom / simulated.pixel_size_angstrom,
        "symbol": "disc",
        "face_color": "transparent",
        "border_color": "lime",
        "metadata": metadata,
    }
    return [(simulated.image, image, "image"), (simulated.picks.yx, particles, "points")]
