"""Folders that cannot be written and disks that are full, under an open window: for `drive_failures.py`."""

from __future__ import annotations

import os
import shutil

from failing_window import FailingWindow
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from trouble import changed, full, read_only
from window_driver import check


def rights(window: FailingWindow) -> None:
    """The right to write into the project's folder is taken away: before a training, and in its midst."""
    folder, dock = window.folder, window.dock
    heads, jobs = (folder / f"{dock.session.project.path.name}-{kind}" for kind in ("heads", "jobs"))
    heads.mkdir(exist_ok=True)
    with read_only(heads), read_only(jobs), read_only(folder):  # picking has made the folder of jobs
        window.ask_for_training("refused")
        window.is_told("cannot be written")
        check("the dock goes on saying so", "cannot be written" in dock.train.result.text())
        check("no training is under way", not dock.training.running)
        window.driver.shot("f11-refused")
    with changed(dock.training):
        window.train_until_steps("one-place")
        with window.nothing_lost(), read_only(heads), read_only(folder):
            window.wait_for_end()
            window.check_kept("one-place")
            check("the dock says where it is not", str(heads) in dock.train.result.text())
            window.driver.shot("f12-read-only")
    with read_only(heads), read_only(folder):
        window.add_a_pick()  # the project's file is open already


def full_disk(window: FailingWindow) -> None:
    """The disk of the heads library is full before a head is saved; then that of the project is."""
    small, dock = window.small, window.dock
    if small is None:
        print("  left out: no --small disk was given")
        return
    QTest.keyClick(dock.pick.head, Qt.Key.Key_Home)  # the first head: no other one is in the library to come
    os.environ["HYDRAPICKER_HOME"] = str(small / "home")
    with window.nothing_lost(), changed(dock.training):
        window.train_until_steps("in-project")
        with full(small):
            window.wait_for_end()
            window.check_kept("in-project")
        check("the dock says where it is not", str(small) in dock.train.result.text())
        window.driver.shot("f13-full-library")
    shutil.copytree(window.folder, small / "other", ignore=shutil.ignore_patterns("*.hydra*", ".*"))
    window.open(small / "other")
    window.pick_all()
    with window.nothing_lost(), full(small):
        window.pick_all()
        window.is_told("Not picked", "cannot be written")
        window.is_refused()
        window.driver.shot("f14-full-project")
    window.add_a_pick()
