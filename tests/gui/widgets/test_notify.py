"""Notifications."""

import pytest
from napari.utils.notifications import Notification, NotificationSeverity, notification_manager

from napari_hydrapicker.gui.widgets.parts import in_window_words, inform, warn


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/data/a long folder/m.mrc: truncated; copy it", "truncated; copy it\n/data/a long folder/m.mrc"),
        ("Not opened: /d/m.mrc: truncated (and 3 more)", "Not opened: truncated (and 3 more)\n/d/m.mrc"),
        ("Head 'a b' was not trained: /d/r: not written", "Head 'a b' was not trained: not written\n/d/r"),
        ("Head '2' not trained: C:\\d\\r: not written", "Head '2' not trained: not written\nC:\\d\\r"),
        ("C:\\data\\m.mrc: truncated", "truncated\nC:\\data\\m.mrc"),
        ("12 micrographs are missing, e.g. /data/m.mrc: open their new folder",) * 2,
        ("m.mrc: no pixel size", "m.mrc: no pixel size"),
        ("no pixel size: give `pixel_size`", "no pixel size: give the pixel size (in the table)"),
        ("`device` cuda: not on this machine", "Device (in Pick) cuda: not on this machine"),
        ("give a smaller `batch_size`", "give a smaller batch size"),
    ],
)  # fmt: skip
def test_the_reason_comes_before_the_path_and_options_have_the_windows_names(text: str, shown: str) -> None:
    assert in_window_words(text) == shown


def test_words_reach_the_user() -> None:
    heard: list[Notification] = []
    notification_manager.notification_ready.connect(heard.append)
    try:
        inform("done")
        warn("wrong")
    finally:
        notification_manager.notification_ready.disconnect(heard.append)
    assert [(n.message, n.severity) for n in heard] == [
        ("done", NotificationSeverity.INFO),
        ("wrong", NotificationSeverity.WARNING),
    ]
