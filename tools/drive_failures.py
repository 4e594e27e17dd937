"""Drive the real window through what goes wrong with processes and disks, and see what it says and keeps.

    xvfb-run -s "-screen 0 1920x1080x24" python tools/drive_failures.py MICROGRAPHS DIAMETER --out FOLDER

Like `drive_training.py`, with mouse and key events only, but for what goes wrong: processes are killed and
crash, memory, rights and disks fail, really so (`trouble.py`); it needs Linux, and a user without special
rights. --small FOLDER is the root of a disk of some 40 MB, for the case that needs a full one; --only NAME...
goes through some cases only. The script ends with exit code 1 where something is lost, or not said in words.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

from drive_training import own_copy, tour_parser
from failing_disks import full_disk, rights
from failing_window import FailingWindow
from napari.utils.notifications import notification_manager
from qtpy.QtWidgets import QApplication
from trouble import changed, crash_of, shrinking, signal_worker, squeeze
from window_driver import Driver, check, wait

from napari_hydrapicker.picking.library import user_library

TRAINER = ("napari_hydrapicker.training.head_trainer", "detection_loss")
ONE_MICROGRAPH = ("napari_hydrapicker.picking.hydra", "predict")
WORKER = ("napari_hydrapicker.picking.batch", "write")


def killed(window: FailingWindow) -> None:
    """The process of a training is killed; the next one is begun at once."""
    with window.nothing_lost():
        window.train_until_steps("killed")
        signal_worker(window.dock.training, signal.SIGKILL)
        window.wait_for_end()
    window.is_told("'killed' was not trained", "SIGKILL")
    check("the dock goes on saying so", "SIGKILL" in window.dock.train.result.text())
    window.driver.shot("f1-killed")
    with changed(window.dock.training):
        window.train_to_end("after-killed")
    window.driver.shot("f2-after-killed")


def crashed(window: FailingWindow) -> None:
    """A training meets an error that nobody expects; another one ends in the middle of an instruction."""
    training = window.dock.training
    with window.nothing_lost(), changed(training, crash_of(*TRAINER, good=8)):
        window.train_until_steps("crashed")
        window.wait_for_end()
    window.is_told("'crashed' was not trained", "made to fail")
    window.driver.shot("f3-crashed")
    with window.nothing_lost():
        window.train_until_steps("fault")
        signal_worker(training, signal.SIGSEGV)
        window.wait_for_end()
    window.is_told("'fault' was not trained", "SIGSEGV")


def memory(window: FailingWindow) -> None:
    """Memory runs out in a training: there is too little for anything, and enough for smaller crops."""
    low, high = 0.0, 1500.0
    said = smaller = False
    while not (said and smaller) and high - low > 5:
        spare = 0.0 if not said else (low + high) / 2
        name = f"with-{spare:.0f}-MB"
        with window.nothing_lost(), shrinking(window.dock.training) as shrunk:
            window.train_until(name, "step 0")  # a body is adapted from pixels: no features go before
            squeeze(window.dock.training, spare)
            window.wait_for_end()
        if name in user_library().names():
            high, smaller = spare, smaller or bool(shrunk)
            print(f"  {spare:.0f} MB more are enough; smaller batches or crops: {shrunk}", flush=True)
        else:
            low, said = spare, True
            window.is_told(f"{name!r} was not trained", "memory")
            window.driver.shot("f4-memory")
    check("where smaller crops fit, the training goes on with them by itself", smaller)


def picking(window: FailingWindow) -> None:
    """The process that picks is killed, crashes, meets an error on some micrographs, and has no memory."""
    jobs, folder = window.dock.jobs, window.folder
    with window.nothing_lost():
        window.begin_picking()
        signal_worker(jobs, signal.SIGKILL)
        wait(lambda: not jobs.running)
        window.is_told("Not picked", "SIGKILL")
        window.driver.shot("f5-picking-killed")
        window.pick_all()
        for words, place in (("picking stopped", WORKER), (str(folder), ONE_MICROGRAPH)):
            with changed(jobs, crash_of(*place, good=1)):
                window.pick_all()
            window.is_told("Not picked", words, "made to fail")
        window.driver.shot("f6-picking-crashed")
        with changed(jobs, ""):
            once = jobs.device_known.connect(lambda _: squeeze(jobs, 40))
            window.pick_all()
            jobs.device_known.disconnect(once)
            window.is_told("Not picked", "memory")
            window.driver.shot("f7-picking-memory")
        window.pick_all()
        check("another try, with memory, is all right", window.told.new() == [])


def next_to_correct(window: FailingWindow) -> None:
    """“Next to correct” leads to the micrograph of most doubt, with one head and with two."""
    window.press_next()
    window.driver.shot("f8-next")
    with changed(window.dock.training):
        window.train_to_end("second")
    if not window.dock.train.use.isHidden():
        window.driver.click(window.dock.train.use)
    window.pick_all()
    window.press_next()
    check("it speaks of both heads", "two heads" in window.dock.train.suggestion.text())
    window.driver.shot("f9-next-of-two-heads")


def closed(window: FailingWindow) -> None:
    """The window is closed just after the process of a training was killed, and opened again."""
    with window.nothing_lost():
        window.train_until_steps("gone")
        signal_worker(window.dock.training, signal.SIGKILL)
        window.driver.viewer.close()
        QApplication.processEvents()
        window.driver = Driver(window.driver.out)
        window.open(window.folder)
        window.is_told("'gone' was not trained", "killed")
        window.unfold_training()
    window.driver.shot("f10-closed")
    with changed(window.dock.training):
        window.train_to_end("after-gone")


CASES: dict[str, Callable[[FailingWindow], None]] = {
    "killed": killed, "crashed": crashed, "memory": memory, "picking": picking, "next": next_to_correct,
    "closed": closed, "rights": rights, "full": full_disk,
}  # fmt: skip


def main() -> None:
    """Read the arguments and go."""
    parser = tour_parser(__doc__)
    parser.add_argument("--small", type=Path, help="root of a small disk, to be filled")
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    arguments = parser.parse_args()
    with own_copy(arguments.micrographs, arguments.out) as folder, notification_manager:
        window = FailingWindow(Driver(arguments.out), folder, arguments.diameter, arguments.small)
        for name in (one for one in CASES if one in arguments.only):
            print(f"{name}: {CASES[name].__doc__}", flush=True)
            CASES[name](window)
        window.dock.close_session()
        window.driver.viewer.close()
        QApplication.processEvents()


if __name__ == "__main__":
    main()
