"""Curves of a training."""

from __future__ import annotations

import numpy as np
from qtpy.QtGui import QColor, QImage

from napari_hydrapicker.gui.widgets.curves import AP, LOSS, TrainingCurves


def pixels(curves: TrainingCurves, colour: QColor) -> list[tuple[int, int]]:
    """Places (x, y) of pixels near a colour."""
    image = curves.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    bits = image.constBits()  # PyQt's is a pointer, PySide's a view
    data = np.frombuffer(bits if isinstance(bits, memoryview) else bits.asstring(image.sizeInBytes()), "u1")
    bgr = data.reshape(image.height(), -1, 4)[:, : image.width(), :3].astype(int)
    near = np.abs(bgr - [colour.blue(), colour.green(), colour.red()]).sum(axis=2) < 60
    return [(int(x), int(y)) for y, x in np.argwhere(near)]


def test_curves_are_drawn_where_the_values_are(qapp_exists: None) -> None:
    curves = TrainingCurves()
    curves.resize(300, 90)
    curves.add(0, 100, 2.0, 0.5)
    curves.add(50, 100, 1.0, None)
    curves.add(100, 100, 0.5, 0.9)
    loss, ap = pixels(curves, LOSS), pixels(curves, AP)
    left, right = min(loss), max(loss)
    assert left[0] < 20 < 270 < right[0]
    assert min(y for _, y in loss) > curves.fontMetrics().height(), "the caption is above the curves"
    assert left[1] < right[1]  # the loss falls, and y points down
    assert min(y for x, y in ap if x > 280) < min(y for x, y in ap if 20 < x < 60)
    assert curves.caption() == "loss 0.50, AP 0.900 (began at 0.500)"


def test_without_values_there_is_a_frame_alone(qapp_exists: None) -> None:
    curves = TrainingCurves()
    curves.add(0, 0, float("nan"), None)
    assert curves.caption() == ""
    assert pixels(curves, LOSS) == []
    curves.add(1, 10, 1.0, 0.2)
    curves.clear()
    assert curves.caption() == ""


def test_a_training_shown_from_the_middle_on_has_no_beginning(qapp_exists: None) -> None:
    curves = TrainingCurves()
    curves.resize(300, 90)
    curves.add(60, 100, 1.0, 0.4)
    curves.add(80, 100, 0.9, 0.6)
    assert curves.caption() == "loss 0.90, AP 0.600"
    assert min(x for x, _ in pixels(curves, AP)) > 150, "no dashed line across"
    curves.clear()
    curves.add(0, 100, None, 0.4)
    assert curves.caption() == "AP 0.400 (began at 0.400)"
    assert min(x for x, _ in pixels(curves, AP)) < 10
