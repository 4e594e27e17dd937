"""Coordinate files as napari points layers, and points layers as coordinate files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_hydrapicker.errors import HydraPickerError, ParameterError
from napari_hydrapicker.gui.layers.picks_layer import SCORE_COLOURS
from napari_hydrapicker.gui.widgets.parts import warn
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.picks import Picks, Source

LayerData = tuple[Any, dict[str, Any], str]
Paths = str | Sequence[str]

_DEFAULT_DIAMETER_PX = 60.0
_NO_LAYERS: list[Any] = [(None,)]  # napari's word for "read, but there is nothing to show"
_KEY = "hydrapicker_micrograph"


def get_points_reader(path: Paths) -> Callable[[Paths], list[LayerData]] | None:
    """Return the reader if the content is a coordinate file's: many other things end in .txt or .csv."""
    first = Path(path if isinstance(path, str) else path[0])
    try:
        formats.detect(first)
    except HydraPickerError:
        return None
    return read_points


def read_points(path: Paths) -> list[LayerData]:
    """Read coordinate files into one points layer a micrograph, in pixels; 2-D, rings coloured by score.

    A file that cannot be read gives a notification and no layer.
    """
    layers: list[LayerData] = []
    for file in [path] if isinstance(path, str) else path:
        try:
            layers += [_layer(name, picks) for name, picks in formats.read(Path(file)).items()]
        except HydraPickerError as error:
            warn(str(error))
    return layers or _NO_LAYERS


def _layer(name: str, picks: Picks) -> LayerData:
    scored = np.isfinite(picks.score)
    shown: dict[str, Any] = {
        "name": name,
        "ndim": 2,
        "size": picks.diameter_px or _DEFAULT_DIAMETER_PX,
        "features": {"score": picks.score, "source": [Source(s).name.lower() for s in picks.source]},
        "face_color": "transparent",
        "border_width": 0.06,
        "border_color": "yellow",
        "metadata": {_KEY: name},
    }
    if scored.any() and scored.all():
        low, high = float(picks.score.min()), float(picks.score.max())
        probabilities = low >= 0 and high <= 1
        shown |= {
            "border_color": "score",
            "border_colormap": SCORE_COLOURS,
            "border_contrast_limits": (0, 1) if probabilities else (low, max(high, low + 1e-6)),
        }
    return picks.yx.copy(), shown, "points"


def to_picks(data: Any, attributes: dict[str, Any]) -> tuple[str, Picks]:
    """Return a points layer's micrograph and its visible points as picks.

    Raises
    ------
    ParameterError
        If the points are not two-dimensional.
    """
    features = attributes.get("features", {})
    n = len(data)
    shown = np.broadcast_to(np.asarray(attributes.get("shown", True), bool), n)
    score = np.asarray(features["score"] if "score" in features else np.full(n, np.nan), np.float32)
    size = np.asarray(attributes.get("size", _DEFAULT_DIAMETER_PX), np.float64)
    picks = Picks(
        np.asarray(data, np.float64),
        score,
        _sources(features, n),
        float(np.median(size)) if size.size else None,
    )
    name = attributes.get("metadata", {}).get(_KEY) or attributes.get("name") or "points"
    return str(name), picks.select(shown)


def _sources(features: Any, n: int) -> NDArray[np.int8]:
    known = {source.name.lower(): source for source in Source}
    if "source" not in features:
        return np.full(n, Source.MANUAL, np.int8)
    return np.array([known.get(str(name), Source.IMPORTED) for name in features["source"]], np.int8)


def write_points(path: str, data: Any, attributes: dict[str, Any], format: str = "star") -> list[str]:
    """Write one points layer into one file; a refusal is a notification, and no file."""
    return _written([(data, attributes)], Path(path), format)


def write_layers(path: str, layers: Sequence[tuple[Any, dict[str, Any], str]]) -> list[str]:
    """Write several points layers, one micrograph each, as one table that keeps all there is (CSV)."""
    return _written([(data, attributes) for data, attributes, _ in layers], Path(path), "csv")


def _written(layers: Sequence[tuple[Any, dict[str, Any]]], path: Path, format: str) -> list[str]:
    try:
        picks: dict[str, Picks] = {}
        for data, attributes in layers:
            name, one = to_picks(data, attributes)
            if name in picks:
                raise ParameterError(f"two layers are called {name}: rename one of them; nothing was saved")
            picks[name] = one
        # Napari has asked already whether a file shall be replaced.
        return [str(file) for file in formats.write(picks, path, format, overwrite=True)]
    except HydraPickerError as error:
        warn(str(error))
        return []


write_star = partial(write_points, format="star")
write_particles = partial(write_points, format="star-particles")
write_box = partial(write_points, format="box")
write_cbox = partial(write_points, format="cbox")
write_topaz = partial(write_points, format="topaz")
write_csv = partial(write_points, format="csv")
write_cryoppp = partial(write_points, format="cryoppp")
