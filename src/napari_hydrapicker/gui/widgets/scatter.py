"""A scatter plot in which a point is a micrograph: it is hovered over, clicked, or taken in with a lasso."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPoint, Signal
from qtpy.QtGui import QPalette
from qtpy.QtWidgets import QLabel, QSizePolicy, QToolTip, QVBoxLayout, QWidget

from napari_hydrapicker.gui.widgets.parts import MARK_COLOUR
from napari_hydrapicker.gui.widgets.tasks import AFTER_FRAME_MS, once_after

KEPT, OUTSIDE, EXCLUDED = 0, 1, 2
_STYLES = {
    KEPT: {"marker": "o", "color": "#3d8fd9", "markersize": 5.0},
    OUTSIDE: {"marker": "o", "color": "#e67828", "markersize": 5.0},
    EXCLUDED: {"marker": "x", "color": "#888888", "markersize": 5.0},
}
_REACH_PX = 9.0  # from a point within which the mouse means it
_LEAST_VERTICES = 3


def load() -> None:
    """Import what draws, which takes a second: for a thread beside the GUI's."""
    import matplotlib.backends.backend_qtagg
    import matplotlib.widgets  # noqa: F401


@dataclass(frozen=True, eq=False)
class Points:
    """What the plot shows of N micrographs.

    Attributes
    ----------
    id : ndarray of int64, shape (N,)
        Their numbers.
    xy : ndarray of float64, shape (N, 2)
        Their places; those of NaN are not shown.
    state : ndarray of int, shape (N,)
        `KEPT`, `OUTSIDE` or `EXCLUDED`.
    """

    id: NDArray[np.int64]
    xy: NDArray[np.float64]
    state: NDArray[np.intp]

    def known(self) -> Points:
        """Return those that have a place."""
        there = np.isfinite(self.xy).all(axis=1)
        return Points(self.id[there], self.xy[there], self.state[there])


NO_POINTS = Points(np.empty(0, np.int64), np.empty((0, 2)), np.empty(0, np.intp))


class Scatter(QWidget):
    """The plot; until `begin` was called it says that it is being loaded.

    Signals
    -------
    clicked (int)
        A micrograph's point was clicked on.
    lassoed (list of int)
        The micrographs whose points a lasso went around; those that are excluded are not among them.
    """

    clicked = Signal(int)
    lassoed = Signal(list)

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumSize(320, 260)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._hint = QLabel("Loading the plot…")
        self._column.addWidget(self._hint)
        self.canvas: Any = None
        self._axes: Any = None
        self._lasso: Any = None
        self._points, self._labels = NO_POINTS, ("", "")
        self._names: Mapping[int, str] = {}
        self._current: int | None = None
        self._with_lasso = False
        self._draw = once_after(AFTER_FRAME_MS, self._draw_now, self)

    @property
    def ready(self) -> bool:
        """Whether the plot is there."""
        return self.canvas is not None

    def begin(self) -> None:
        """Make the plot; `load` must have been done."""
        if self.ready:
            return
        from matplotlib.backend_bases import MouseButton
        from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
        from matplotlib.figure import Figure
        from matplotlib.widgets import LassoSelector

        figure = Figure(layout="constrained")
        self.canvas = FigureCanvasQTAgg(figure)  # type: ignore[no-untyped-call]
        self._axes = figure.add_subplot()
        self._lasso = LassoSelector(
            self._axes,
            self._on_lasso,
            props={"color": MARK_COLOUR, "linewidth": 1.5},
            button=MouseButton.LEFT,
        )  # fmt: skip
        self._lasso.set_active(self._with_lasso)
        self.canvas.mpl_connect("motion_notify_event", self._on_move)
        self.canvas.mpl_connect("button_press_event", self._on_press)
        self._hint.hide()
        self._column.addWidget(self.canvas)
        self._draw_now()

    def set_lasso(self, active: bool) -> None:
        """Let a drag go around points, or a click open one."""
        self._with_lasso = active
        if self._lasso is not None:
            self._lasso.set_active(active)

    def show_points(self, points: Points, labels: tuple[str, str], names: Mapping[int, str]) -> None:
        """Show micrographs, by what is called as the labels say, under their names."""
        self._points, self._labels, self._names = points.known(), labels, names
        self._draw.start()

    def show_current(self, number: int | None) -> None:
        """Put a ring around the micrograph that is on the canvas."""
        if number != self._current:
            self._current = number
            self._draw.start()

    @property
    def points(self) -> Points:
        """What is shown."""
        return self._points

    def redraw(self) -> None:
        """Draw anew, in the colours of the window as they are now."""
        self._draw.start()

    def at(self, x_px: float, y_px: float) -> int | None:
        """Return the micrograph whose point is nearest to a place of the plot, in its pixels from below."""
        if self._axes is None or not len(self._points.id):
            return None
        places = self._axes.transData.transform(self._points.xy)
        distance = np.hypot(places[:, 0] - x_px, places[:, 1] - y_px)
        nearest = int(distance.argmin())
        reach = _REACH_PX * self.canvas.device_pixel_ratio
        return int(self._points.id[nearest]) if distance[nearest] <= reach else None

    def place_of(self, number: int) -> QPoint | None:
        """Return where a micrograph's point is on the canvas; None if it has none."""
        which = np.flatnonzero(self._points.id == number)
        if self._axes is None or not len(which):
            return None
        x, y = self._axes.transData.transform(self._points.xy[which[0]]) / self.canvas.device_pixel_ratio
        return QPoint(round(x), round(self.canvas.height() - y))

    def _draw_now(self) -> None:
        if not self.ready:
            return
        axes, points = self._axes, self._points
        for line in [*axes.lines]:
            if self._lasso is None or line not in self._lasso.artists:
                line.remove()
        for state, style in _STYLES.items():
            x, y = points.xy[points.state == state].T
            axes.plot(x, y, linestyle="none", alpha=0.8, **style)
        here = points.id == self._current
        axes.plot(
            *points.xy[here].T, "o", markersize=12, fillstyle="none", color="#e5c07b", markeredgewidth=2
        )
        axes.set_xlabel(self._labels[0])
        axes.set_ylabel(self._labels[1])
        axes.relim()
        axes.autoscale()
        self._colour()
        self.canvas.draw_idle()

    def _colour(self) -> None:
        """Take the colours of the window."""
        palette = self.palette()
        front = palette.color(QPalette.ColorRole.WindowText).name()
        back = palette.color(QPalette.ColorRole.Window).name()
        self._axes.figure.set_facecolor(back)
        self._axes.set_facecolor(back)
        self._axes.tick_params(colors=front)
        for part in (*self._axes.spines.values(), self._axes.xaxis.label, self._axes.yaxis.label):
            (part.set_edgecolor if hasattr(part, "set_edgecolor") else part.set_color)(front)

    def _on_move(self, event: Any) -> None:
        number = self.at(event.x, event.y)
        if number is None or event.button is not None:
            QToolTip.hideText()
            return
        place = QPoint(
            round(event.x / self.canvas.device_pixel_ratio),
            round(self.canvas.height() - event.y / self.canvas.device_pixel_ratio),
        )
        QToolTip.showText(self.canvas.mapToGlobal(place), self._names.get(number, ""), self.canvas)

    def _on_press(self, event: Any) -> None:
        number = None if self._with_lasso or event.button != 1 else self.at(event.x, event.y)
        if number is not None:
            self.clicked.emit(number)

    def _on_lasso(self, vertices: list[tuple[float, float]]) -> None:
        from matplotlib.path import Path

        if len(vertices) < _LEAST_VERTICES:
            return
        within = (
            Path(vertices).contains_points(self._points.xy) if len(self._points.id) else np.empty(0, bool)
        )
        chosen = self._points.id[within & (self._points.state != EXCLUDED)]
        self.lassoed.emit(chosen.tolist())
