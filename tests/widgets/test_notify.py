"""Notifications."""

from napari.utils.notifications import Notification, NotificationSeverity, notification_manager

from napari_hydrapicker.widgets.notify import inform, warn


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
