"""napari's File > Open Sample: a simulated micrograph and the true places of its particles."""

from __future__ import annotations

from typing import Any

from napari_hydrapicker.widgets.reader import LayerData, contrast_limits


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
