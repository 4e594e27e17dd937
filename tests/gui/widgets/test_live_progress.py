"""Progress in words."""

import math

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QProgressBar

from napari_hydrapicker.gui.widgets.live_progress import LiveProgress, in_words


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (89, "89 s"), (91, "2 min"), (3500, "58 min"), (7800, "2 h 10 min")]
)
def test_times_are_said_as_one_would(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


@pytest.mark.usefixtures("qapp_exists")
def test_it_says_how_far_it_is_and_can_be_cancelled() -> None:
    progress, cancelled = LiveProgress(), []
    progress.cancelled.connect(lambda: cancelled.append(1))
    progress.set_progress(0, 1200, math.nan)
    assert progress.bar.text() == "0 of 1,200"
    progress.set_progress(300, 1200, 180)
    assert progress.bar.text() == "300 of 1,200, 3 min left"
    assert (progress.bar.value(), progress.bar.maximum()) == (300, 1200)
    QTest.mouseClick(progress.cancel, Qt.MouseButton.LeftButton)
    assert cancelled == [1]
    progress.deleteLater()


@pytest.mark.usefixtures("qapp_exists")
def test_a_step_is_painted_in_its_turn_and_not_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    painted: list[int] = []

    class Bar(QProgressBar):
        def paintEvent(self, event: object) -> None:
            painted.append(self.value())

    monkeypatch.setattr("napari_hydrapicker.gui.widgets.live_progress.QProgressBar", Bar)
    progress = LiveProgress()
    progress.show()
    QTest.qWait(50)
    painted.clear()
    progress.set_progress(300, 1200, 180)
    assert painted == [], "whoever calls goes on first"
    QTest.qWait(50)
    assert set(painted) == {300}
    progress.close()
    progress.deleteLater()
