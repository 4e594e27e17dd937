"""The points layer that shows one micrograph's picks, and what the user does to it.

The layer is a view: the session owns the picks. What the user does with napari's own tools comes in as
`layer.events.data` and goes out as calls of the session; what the session says comes back as new rows.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from napari.layers.base import ActionType
from numpy.typing import NDArray

from napari_hydrapicker.picks import Source
from napari_hydrapicker.project.labels import Labels
from napari_hydrapicker.widgets.rings import make_layer

if TYPE_CHECKING:
    from collections.abc import Iterator

# By the number of a source.
_NAMES = np.array([source.name.lower() for source in Source], dtype=object)
_SYMBOLS = np.array(["disc", "square", "diamond", "disc"], dtype=object)
_MARKED = (Source.MANUAL, Source.MOVED)


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
        self._fleeting = self._untold = False
        self.layer.ask_to_add = self._on_add
        self.layer.events.data.connect(self._on_data)

    @property
    def ids(self) -> NDArray[np.int64]:
        """Numbers of the picks in the layer's rows (N,)."""
        return self._labels.id

    def show(
        self, labels: Labels, shown: NDArray[np.bool_], diameter_px: float, fleeting: bool = False
    ) -> None:
        """Draw those of a micrograph's labels (N) that `shown` (N,) names.

        Hidden rows are left out of the layer: napari 0.9 pays no heed to `Points.shown` where, as here,
        all of a layer's axes are displayed. What is `fleeting`, one of many steps of a slider, is drawn in
        less time. `settle` is to follow, which makes up for that and tells others that look at the layer.
        """
        self._set_rows(labels.where(shown), diameter_px, fleeting)

    def settle(self) -> None:
        """Draw as it should be what was fleeting, and tell those who listen to the layer."""
        if self._fleeting:
            self._set_rows(self._labels, float(self.layer.current_size))
        if self._untold:
            self._untold = False
            with self._silence():
                self.layer.announce_rows()

    def hide(self, ids: set[int]) -> None:
        """Hide picks until the next `show`."""
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
        self.layer.ask_to_add = None
        self.layer.events.data.disconnect(self._on_data)

    def _set_rows(self, labels: Labels, diameter_px: float, fleeting: bool = False) -> None:
        self._labels, self._fleeting, self._untold = labels, fleeting, True
        score = np.where(np.isnan(labels.score), 1.0, labels.score)
        features = pd.DataFrame({"score": score, "source": _NAMES[labels.source]})
        marked = bool(np.isin(labels.source, _MARKED).any())
        # Ten thousand symbols take longer than all the rest.
        symbols = _SYMBOLS[labels.source].tolist() if marked or self._marked else None
        self._marked = marked
        with self._silence():
            self.layer.replace_rows(labels.yx, features, diameter_px, symbols, smooth=not fleeting)

    def _on_add(self, yx: NDArray[np.float64]) -> None:
        before = len(self._labels)
        if self._added(yx):  # napari selects what was added last
            self.layer.selected_data = set(range(before, len(self._labels)))

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
        self.settle()

    @contextmanager
    def _silence(self) -> Iterator[None]:
        before, self._silent = self._silent, True
        try:
            yield
        finally:
            self._silent = before
