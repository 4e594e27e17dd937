"""How the window answers: slider, stepping, and the GUI thread while all is picked.

    xvfb-run -s "-screen 0 1920x1080x24" python benchmarks/window.py [MICROGRAPHS] [--diameter ANGSTROM]

MICROGRAPHS is a folder of micrographs, which is copied and picked; without one, four of 4096 x 4096 pixels of
noise are made. Printed are medians and worst cases in milliseconds: of one step of the slider with 1,000 and
with 10,000 picks, of which 20 to 100 % are shown, up to the painted canvas and up to the whole window; of
going to a micrograph that was loaded ahead, until it is drawn; and of the pauses of a timer that should come
every 10 ms, while "All" picks in the background, and while picks of --many micrographs are imported, undone
and redone.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import mrcfile
import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from napari_hydrapicker.picks import Picks

_BEAT_MS = 10
_AFTERWARDS_S = 1.0
_PICKS_EACH = 300


def until(condition: Callable[[], bool], seconds: float = 300) -> None:
    """Let Qt work until something is the case."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("the window did not answer")
        QApplication.processEvents()
        time.sleep(0.001)


def report(what: str, milliseconds: list[float]) -> None:
    """Print a median, the 95th percentile and the worst case."""
    values = np.array(milliseconds)
    median, high, worst = np.percentile(values, [50, 95, 100])
    print(f"{what:42s} median {median:6.1f}  95 % {high:6.1f}  worst {worst:6.1f} ms  ({len(values)})")


def noise(folder: Path) -> None:
    """Write four micrographs of noise."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(4):
        with mrcfile.new(folder / f"noise{i}.mrc") as file:
            file.set_data(rng.integers(-90, 90, (4096, 4096), np.int8))
            file.voxel_size = 1.77


@contextmanager
def noted_frames(dock: object) -> Iterator[list[float]]:
    """Note when the canvas has been drawn, all of OpenGL's work done."""
    scene = dock.viewer.window._qt_viewer.canvas._scene_canvas
    drawn: list[float] = []

    def on_draw(event: object) -> None:
        scene.context.finish()
        drawn.append(time.perf_counter())

    scene.events.draw.connect(on_draw, position="last")
    yield drawn
    scene.events.draw.disconnect(on_draw)


def slide(dock: object, n: int) -> None:
    """Move the threshold step by step, each drawn before the next.

    The clock starts as the slider tells of its new value. It is read when the canvas has been drawn, all of
    OpenGL's work done, and when Qt has put the whole window on the screen.
    """
    session, rng = dock.session, np.random.default_rng(n)
    rows, cols = session.record(session.current).shape
    yx = rng.uniform(0, 1, (n, 2)) * (rows, cols)
    session.put_picks(session.current, Picks(yx, np.linspace(0.02, 1, n)))
    end = time.monotonic() + 1
    until(lambda: time.monotonic() > end)
    updated, painted, composed = [], [], []
    with noted_frames(dock) as drawn:
        session.update(threshold=0.01)
        until(lambda: bool(drawn))
        for value in np.concatenate([np.linspace(0.02, 0.8, 40), np.linspace(0.79, 0.03, 40)]):
            drawn.clear()
            start = time.perf_counter()
            dock.pick.slider.value_changed.emit(float(value))
            updated.append(1e3 * (time.perf_counter() - start))
            while not drawn:
                QApplication.processEvents()
            composed.append(1e3 * (time.perf_counter() - start))
            painted.append(1e3 * (drawn[0] - start))
    report(f"slider, {n:,} picks, without painting", updated)
    report(f"slider, {n:,} picks, canvas painted", painted)
    report(f"slider, {n:,} picks, whole window painted", composed)


def step(dock: object) -> None:
    """Go to the next micrograph and back once it is loaded ahead."""
    times = []
    for by in (1, -1, 1, -1, 1, -1):
        until(lambda: not dock.canvas._loader._pending)
        target = dock.session.neighbour(by)
        end = time.monotonic() + 0.5
        until(lambda end=end: time.monotonic() > end)
        with noted_frames(dock) as drawn:
            start = time.perf_counter()
            dock.session.set_current(target)
            while dock.canvas.micrograph_id != target or not drawn:
                QApplication.processEvents()
            times.append(1e3 * (time.perf_counter() - start))
    report("step to a micrograph loaded ahead", times)


def pick_all(dock: object) -> None:
    """Measure the pauses of a timer while all micrographs are picked."""
    n = len(dock.session.records)
    start = time.perf_counter()
    with pauses("GUI thread's pauses while all is picked"):
        dock.commands.pick("all")
        while dock.jobs.running:
            QApplication.processEvents()
            time.sleep(0.0005)
    print(f"all {n} micrographs picked in {time.perf_counter() - start:.1f} s")


@contextmanager
def pauses(what: str) -> Iterator[None]:
    """Print the pauses of a timer meanwhile, and what comes a moment later."""
    beats = [_now()]
    timer = QTimer()
    timer.setInterval(_BEAT_MS)
    timer.timeout.connect(lambda: beats.append(_now()))
    timer.start()
    yield
    end = time.monotonic() + _AFTERWARDS_S
    until(lambda: time.monotonic() > end)
    timer.stop()
    wall, own = (1e3 * np.diff([*beats, _now()], axis=0)).T.tolist()
    report(what, wall)
    report("    of these its own work", own)


def _now() -> tuple[float, float]:
    """The time, and the time that this thread has worked: on a busy machine it waits for its turn, too."""
    return time.perf_counter(), time.thread_time()


def import_many(dock: object, folder: Path, number: int) -> None:
    """Measure the pauses while picks are imported on many micrographs, undone and redone."""
    folder.mkdir()
    rng = np.random.default_rng(1)
    rows = ["micrograph,y_px,x_px,score"]
    for i in range(number):
        with mrcfile.new(folder / f"small{i}.mrc") as file:
            file.set_data(rng.integers(-90, 90, (240, 320), np.int8))
            file.voxel_size = 17.7
        picks = rng.uniform(0, 1, (_PICKS_EACH, 3)) * (239, 319, 1)
        rows += [f"small{i},{y:.2f},{x:.2f},{score:.3f}" for y, x, score in picks]
    table = folder.with_name("many.csv")
    table.write_text("\n".join(rows) + "\n")
    session, said = dock.session, []
    dock.opener.open([str(folder)])
    until(lambda: len(session.records) == number and dock.canvas.micrograph_id is not None)
    for signal in (dock.import_controller.told, dock.import_controller.problem):
        signal.connect(said.append)
    steps = (
        ("imported", lambda: dock.import_controller.take(table)),
        ("undone", dock.commands.undo),
        ("redone", dock.commands.redo),
    )
    for what, begin in steps:
        said.clear()
        with pauses(f"GUI thread's pauses while {what} on {number:,}"):
            begin()
            until(lambda: bool(said))
        print(f"    {said[-1][:90]}; {session.total():,} picks")


def main() -> None:
    """Open the window and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("micrographs", type=Path, nargs="?")
    parser.add_argument("--diameter", type=float, default=180.0)
    parser.add_argument("--many", type=int, default=1000, help="micrographs to import picks on")
    parts = ["step", "pick", "slide", "import"]
    parser.add_argument("--only", choices=parts, nargs="+", default=parts)
    arguments = parser.parse_args()
    import napari

    from napari_hydrapicker.gui.dock import HydraPickerWidget

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "micrographs"
        if arguments.micrographs is None:
            noise(folder)
        else:
            shutil.copytree(arguments.micrographs, folder)
        viewer = napari.Viewer()
        viewer.window._qt_window.resize(1600, 1050)
        dock = HydraPickerWidget(viewer)
        viewer.window.add_dock_widget(dock, name="HydraPicker")
        dock.opener.open([str(folder)])
        until(lambda: dock.canvas.micrograph_id is not None)
        dock.session.update(diameter_angstrom=arguments.diameter)
        if "step" in arguments.only:
            step(dock)
        if "pick" in arguments.only:
            pick_all(dock)
        if "slide" in arguments.only:
            for n in (1000, 10_000):
                slide(dock, n)
        if "import" in arguments.only:
            import_many(dock, Path(scratch) / "many", arguments.many)
        dock.close_session()
        viewer.close()


if __name__ == "__main__":
    main()
