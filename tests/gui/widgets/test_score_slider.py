"""The confidence slider."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_hydrapicker.gui.widgets.score_slider import ScoreSlider

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


@pytest.fixture
def slider(qapp_exists: None) -> Iterator[ScoreSlider]:
    """A slider on the screen."""
    made = ScoreSlider()
    made.resize(320, 120)
    made.show()
    yield made
    made.close()
    made.deleteLater()


def _at(slider: ScoreSlider, value: float) -> QPoint:
    return QPoint(round(slider.histogram.x_of(value)), 30)


def test_dragging_ends_with_the_last_value(slider: ScoreSlider, wait: Callable[..., None]) -> None:
    heard: list[float] = []
    slider.value_changed.connect(heard.append)
    QTest.mousePress(slider.histogram, LEFT, NONE, _at(slider, 0.5))
    for value in np.linspace(0.5, 0.8, 100):
        QTest.mouseMove(slider.histogram, _at(slider, value))
    QTest.mouseRelease(slider.histogram, LEFT, NONE, _at(slider, 0.8))
    wait(lambda: bool(heard) and abs(heard[-1] - 0.8) < 0.01)
    assert len(heard) < 100, "signals are throttled"
    assert slider.field.value() == pytest.approx(slider.value, abs=5e-4)


def test_setting_a_value_is_no_signal(slider: ScoreSlider) -> None:
    heard: list[float] = []
    slider.value_changed.connect(heard.append)
    slider.set_value(0.25)
    QTest.qWait(40)
    assert heard == []
    assert (slider.value, slider.field.value()) == (0.25, 0.25)


def test_keys_and_the_field_move_it(slider: ScoreSlider, wait: Callable[..., None]) -> None:
    heard: list[float] = []
    slider.value_changed.connect(heard.append)
    QTest.keyClick(slider.histogram, Qt.Key.Key_Right)
    wait(lambda: heard == [pytest.approx(0.51)])
    slider.field.setValue(0.125)
    assert heard[-1] == slider.value == 0.125


def test_it_stays_between_0_and_1(slider: ScoreSlider, wait: Callable[..., None]) -> None:
    QTest.mouseClick(slider.histogram, LEFT, NONE, QPoint(slider.histogram.width() - 1, 30))
    assert slider.value == 1
    QTest.mouseClick(slider.histogram, LEFT, NONE, QPoint(0, 30))
    assert slider.value == 0


def test_bars_below_the_threshold_are_dimmed(slider: ScoreSlider) -> None:
    slider.set_scores(np.array([0.2] * 9 + [0.8] * 9, np.float32))
    image = slider.histogram.grab().toImage()
    low = image.pixelColor(_at(slider, 0.21))
    high = image.pixelColor(_at(slider, 0.81))
    empty = image.pixelColor(_at(slider, 0.3))
    assert high.green() > high.red() + 50
    assert low != high
    assert empty not in (low, high)


def test_the_first_step_is_told_at_once_and_the_last_one_too(
    slider: ScoreSlider, wait: Callable[..., None]
) -> None:
    heard: list[float] = []
    slider.value_changed.connect(heard.append)
    QTest.mousePress(slider.histogram, LEFT, NONE, _at(slider, 0.7))
    assert heard == [slider.value]
    QTest.mouseMove(slider.histogram, _at(slider, 0.8))
    QTest.mouseMove(slider.histogram, _at(slider, 0.9))
    assert len(heard) == 1, "not twice within 16 ms"
    wait(lambda: heard[-1] == slider.value and len(heard) == 2)
    QTest.mouseRelease(slider.histogram, LEFT, NONE, _at(slider, 0.9))
