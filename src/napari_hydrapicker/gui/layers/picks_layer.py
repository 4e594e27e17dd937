"""The points layer that shows one micrograph's picks, and what the user does to it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from napari.layers import Points as NapariPoints
from napari.layers.base import ActionType
from napari.utils.colormaps import Colormap
from numpy.typing import NDArray

from napari_hydrapicker.picks import Source
from napari_hydrapicker.project.labels import Labels

if TYPE_CHECKING:
    from collections.abc import Iterator


NAME = "HydraPicker picks"
# Bright from end to end, for a grey image, and told apart by whoever sees no red or no green: doubtful picks
# are orange, likely ones yellow, certain ones a light blue.
SCORE_COLOURS = Colormap([[1.0, 0.42, 0.1], [1.0, 0.85, 0.2], [0.35, 0.95, 1.0]], name="hydrapicker-score")
_BORDER = 0.06  # line width over the diameter
_SMOOTH, _PLAIN = 1.0, 0.0  # antialiasing, pixels of the screen
_FEW = 500  # more rings are always plain: without a graphics card each takes 25 microseconds to smooth

# By the number of a source.
_NAMES = np.array([source.name.lower() for source in Source], dtype=object)
_SYMBOLS = np.array(["disc", "square", "diamond", "disc"], dtype=object)
_MARKED = (Source.MANUAL, Source.MOVED)


def _left_only(act: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Iterator[None]]:
    """Return a mouse callback of napari's that heeds the left button alone; its own heed every button."""

    def act_on_left(layer: Any, event: Any) -> Iterator[None]:
        if event.button == 1:
            yield from act(layer, event)

    return act_on_left


class Points(NapariPoints):
    """Points whose rows are replaced at one stroke, and that no thread looks at meanwhile.

    Napari asks for the point under the cursor from a thread of its own, and reports the error if it meets
    the old rows' indices with the new rows. The class has its parent's name: napari goes by it.

    Attributes
    ----------
    ask_to_add : callable, optional
        Whoever owns the points: is given new ones (N, 2) and is to show them. Napari would first show them
        itself, which takes the time of half a frame, only for all rows to be replaced again.
    """

    _drag_modes: ClassVar[dict[Any, Any]] = {
        mode: _left_only(act) if str(mode) in ("add", "select") else act
        for mode, act in NapariPoints._drag_modes.items()
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.lock = threading.RLock()
        self.ask_to_add: Callable[[NDArray[np.float64]], object] | None = None
        super().__init__(*args, **kwargs)

    def get_value(self, *args: Any, **kwargs: Any) -> Any:
        """Return the index of the point at a place."""
        with self.lock:
            return super().get_value(*args, **kwargs)

    def add(self, coords: Any) -> None:
        """Add points, or have their owner do so."""
        if self.ask_to_add is not None:
            self.ask_to_add(np.atleast_2d(np.asarray(coords, np.float64)))
            return
        with self.lock:
            super().add(coords)

    def _paste_data(self) -> None:
        """Add what napari's Ctrl+C has copied, unless it is there: its own Ctrl+V would emit no signal."""
        copied = np.reshape(self._clipboard.get("data", ()), (-1, 2))
        known = set(map(tuple, self.data))
        new = [place for place in copied if tuple(place) not in known]
        if new:
            self.add(new)

    def remove_selected(self) -> None:
        """Remove the selected points."""
        with self.lock:
            super().remove_selected()

    def replace_rows(
        self,
        yx: NDArray[np.float64],
        features: pd.DataFrame,
        diameter_px: float,
        symbols: list[str] | None,
        smooth: bool = True,
    ) -> None:
        """Show other points (N, 2), drawn once.

        Napari would slice, colour and upload all points anew for each of the attributes that change.

        Parameters
        ----------
        symbols : list of str, optional
            One a point; by default all keep theirs, and new ones are discs.
        smooth : bool
            Whether edges may be smoothed, as those of few points are.
        """
        layer: Any = self
        with self.lock:
            with ExitStack() as quiet:
                for events in (self.events, self._border.events, self._face.events):
                    quiet.enter_context(events.blocker_all())
                quiet.enter_context(self._block_refresh())
                if not np.array_equal(layer.data, yx):
                    layer.selected_data = set()
                    layer.current_symbol = "disc"  # what new rows take: else that of the pick clicked last
                    layer.data = yx.copy()
                layer.features = features
                resized = layer.current_size != diameter_px or (layer.size != diameter_px).any()
                if resized:
                    layer.current_size = diameter_px
                    layer.size = np.full(len(yx), diameter_px)
                if symbols is not None:
                    layer.symbol = symbols
            layer.antialiasing = _SMOOTH if smooth and len(yx) <= _FEW else _PLAIN
            self.refresh(thumbnail=False)
        if resized:
            self.events.current_size()  # napari's own control shows it

    def announce_rows(self) -> None:
        """Tell those who listen to the layer that its rows were replaced."""
        rows = tuple(range(len(self.data)))
        self.events.data(value=self.data, action=ActionType.CHANGED, data_indices=rows, vertex_indices=((),))
        self.events.features()


def make_layer() -> Points:
    """Return an empty layer as the picks are drawn: rings as wide as the particle, coloured by score."""
    return Points(
        np.empty((0, 2)),
        name=NAME,
        ndim=2,
        features=pd.DataFrame({"score": np.empty(0), "source": np.empty(0, str)}),
        border_color="score",
        border_colormap=SCORE_COLOURS,
        border_contrast_limits=(0, 1),
        border_width=_BORDER,
        face_color="transparent",
        symbol="disc",
        size=20,
        blending="translucent_no_depth",  # all lie in one plane: depth is not worth its test
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
        self._fleeting = self._unreported = False
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
        less time. `settle` is to follow, which makes up for that and informs others that look at the layer.
        """
        self._set_rows(labels.where(shown), diameter_px, fleeting)

    def settle(self) -> None:
        """Draw as it should be what was fleeting, and tell those who listen to the layer."""
        if self._fleeting:
            self._set_rows(self._labels, float(self.layer.current_size))
        if self._unreported:
            self._unreported = False
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
        self._labels, self._fleeting, self._unreported = labels, fleeting, True
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
