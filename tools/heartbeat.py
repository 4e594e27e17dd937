"""How long the window keeps its user waiting."""

from __future__ import annotations

import time

import numpy as np
from qtpy.QtCore import QTimer

BEAT_MS = 10


class Heartbeat:
    """How long Qt's event loop was kept from its work."""

    def __init__(self) -> None:
        self.gaps: list[float] = []
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.setInterval(BEAT_MS)
        self._timer.timeout.connect(self._beat)

    def _beat(self) -> None:
        now = time.perf_counter()
        self.gaps.append(1000 * (now - self._last))
        self._last = now

    def start(self) -> None:
        """Begin to measure."""
        self.gaps.clear()
        self._last = time.perf_counter()
        self._timer.start()

    def stop(self) -> str:
        """End, and say what was measured."""
        self._timer.stop()
        middle, most, worst = np.percentile(self.gaps, [50, 95, 100])
        return f"pauses of the window: median {middle:.1f} ms, 95 % {most:.1f} ms, worst {worst:.0f} ms"
