"""The points layer that shows one micrograph's picks, and what the user does to it.

The layer is a view: the session owns the picks. What the user does with napari's own tools comes in as
`layer.events.data` and goes out as calls of the session; what the session says comes back as new rows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from napari.layers import Points as NapariPoints
from napari.layers.base import ActionType
from numpy.typing import NDArray

from napari_hydrapicker.picks import Source
from napari_hydrapicker.project.labels import Labels

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "HydraPicker picks"
# By the number of a source.
_NAMES = np.array([source.name.lower() for source in Source], dtype=object)
_SYMBOLS = np.array(["disc", "square", "diamond", "disc"], dtype=object)
_MARKED = (Source.MANUAL, Source.MOVED)
_BORDER = 0.06  # line width over the diameter


class Points(NapariPoints):
    """Points that no thread looks at while they are being replaced.

    Napari asks for the point under the cursor from a thread of its own, and reports the error if it meets
    the old rows' indices with the new rows. The class has its parent's name: napari goes by it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.lock = threading.RLock()
        super().__init__(*args, **kwargs)

    def get_value(self, *args: Any, **kwargs: Any) -> Any:
        """Return the index of the point at a place."""
        with self.lock:
            return super().get_value(*args, **kwargs)

    def add(self, coords: Any) -> None:
        """Add points."""
        with self.lock:
            super().add(coords)

    def remove_selected(self) -> None:
        """Remove the selected points."""
        with self.lock:
            super().remove_selected()


def make_layer() -> Points:
    """Return an empty layer as the picks are drawn: rings as wide as the particle, coloured by score."""
    return Points(
        np.empty((0, 2)),
        name=NAME,
        ndim=2,
        features=pd.DataFrame({"score": np.empty(0), "source": np.empty(0, str)}),
        border_color="score",
        border_colormap="viridis",
        border_contrast_limits=(0, 1),
        border_width=_BORDER,
        face_color="transparent",
        symbol="disc",
        size=20,
    )


class PicksLayer:
    """Keeps a points layer and a micrograph's labels alike.

    Parameters
    ----------
    added, removed, moved
        Called with what the user did: centres (N, 2); numbers (N,); numbers (N,) and centres (N, 2).
        They return whether it is accepted; if not, the layer goes back.
    """

    def __init__(
        self,
        added: Callable[[NDArray[np.float64]], bool],
        removed: Callable[[NDArray[np.int64]], bool],
        moved: Callable[[NDArray[np.int64], NDArray[np.float64]], bool],
    ) -> None:
        self.layer = make_layer()
        self._labels = Labels.empty()  # the rows of the layer, in their order
        self._added, self._removed, self._moved = added, removed, moved
        self._silent = False
        self._marked = False  # whether other symbols than discs are drawn
        self.layer.events.data.connect(self._on_data)

    @property
    def ids(self) -> NDArray[np.int64]:
        """Numbers of the picks in the layer's rows (N,)."""
        return self._labels.id

    def show(self, labels: Labels, shown: NDArray[np.bool_], diameter_px: float) -> None:
        """Draw those of a micrograph's labels (N) that `shown` (N,) names.

        Hidden rows are left out of the layer: napari 0.9 pays no heed to `Points.shown` where, as here,
        all of a layer's axes are displayed.
        """
        self._set_rows(labels.rows(labels.id[shown]), diameter_px)

    def hide(self, ids: set[int]) -> None:
        """Hide picks until the next `show`: what a drag has erased and not yet let go."""
        if ids:
            self._set_rows(self._labels.without(list(ids)), float(self.layer.current_size))

    def nearest(self, yx: NDArray[np.float64], radius_px: float) -> NDArray[np.int64]:
        """Return the numbers of the visible picks within a radius of a place (2,), the nearest first."""
        if not len(self._labels):
            return np.empty(0, np.int64)
        gap = np.linalg.norm(self._labels.yx - yx, axis=1)
        order = np.argsort(gap, kind="stable")
        return np.asarray(self._labels.id[order[gap[order] <= radius_px]], np.int64)

    def release(self) -> None:
        """Follow the layer no longer: from now on it is one like any other."""
        self.layer.events.data.disconnect(self._on_data)

    def _set_rows(self, labels: Labels, diameter_px: float) -> None:
        self._labels = labels
        with self._silence(), self.layer.lock:
            if not np.array_equal(self.layer.data, labels.yx):
                self.layer.selected_data = set()
                self.layer.data = labels.yx.copy()
            self._dress(diameter_px)

    def _dress(self, diameter_px: float) -> None:
        labels, layer = self._labels, self.layer
        score = np.where(np.isnan(labels.score), 1.0, labels.score)
        layer.features = pd.DataFrame({"score": score, "source": _NAMES[labels.source]})
        if layer.current_size != diameter_px or (len(labels) and (layer.size != diameter_px).any()):
            layer.current_size = diameter_px
            layer.size = np.full(len(labels), diameter_px)
        marked = bool(np.isin(labels.source, _MARKED).any())
        if marked or self._marked:  # ten thousand symbols take longer than all the rest
            layer.symbol = _SYMBOLS[labels.source].tolist()
        self._marked = marked

    def _on_data(self, event: Any) -> None:
        if self._silent:
            return
        accepted = True
        if event.action == ActionType.ADDED:
            accepted = self._added(np.asarray(self.layer.data[len(self._labels) :], np.float64))
        elif event.action == ActionType.REMOVED:
            accepted = self._removed(self._labels.id[list(event.data_indices)])
        elif event.action == ActionType.CHANGED:
            accepted = self._on_changed()
        if not accepted:
            self._go_back()

    def _on_changed(self) -> bool:
        data = np.asarray(self.layer.data, np.float64)
        if data.shape != self._labels.yx.shape:
            return False  # a script gave the layer other data: there is no telling which pick is which
        rows = np.flatnonzero((data != self._labels.yx).any(axis=1))
        return len(rows) == 0 or self._moved(self._labels.id[rows], data[rows])

    def _go_back(self) -> None:
        self._set_rows(self._labels, float(self.layer.current_size))

    @contextmanager
    def _silence(self) -> Iterator[None]:
        before, self._silent = self._silent, True
        try:
            yield
        finally:
            self._silent = before
