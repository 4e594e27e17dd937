"""Drive the real window through painting what is left out, with mouse and keys, and take screenshots.

    xvfb-run -s "-screen 0 1920x1080x24" python tools/drive_mask.py --out FOLDER

Two simulated micrographs, not square, one MRC and one TIFF, both shown binned, are opened. What is left out
is painted, undone, erased, found again and picked with; layers are deleted and foreign images added
meanwhile; the project is closed and opened again. The script ends with exit code 1 where the mask is not
where the mouse was, a pick lies in it, or the window kept its user waiting under the brush.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import mrcfile
import numpy as np
import tifffile
from heartbeat import Heartbeat
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from window_driver import Driver, button, check, pause, wait

from napari_hydrapicker.gui.layers.mask_layer import NAME
from napari_hydrapicker.io.edited_mask import EditedMask
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.simulation.sample import sample_micrograph

SHAPES = {"a": (3000, 2200), "b": (2300, 3100)}
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
LONGEST_MS = 100.0
Place = tuple[float, float]


def make(folder: Path) -> float:
    """Write the micrographs; return the particle's diameter, Angstrom."""
    folder.mkdir()
    for seed, (name, shape) in enumerate(SHAPES.items(), start=1):
        sample = sample_micrograph(seed, shape)
        if name == "a":
            with mrcfile.new(folder / "a.mrc") as file:
                file.set_data(sample.image)
                file.voxel_size = sample.pixel_size_angstrom
        else:
            resolution = (1e8 / sample.pixel_size_angstrom,) * 2  # pixels a centimetre
            tifffile.imwrite(
                folder / "b.tif", sample.image, resolution=resolution, resolutionunit="CENTIMETER"
            )
    return sample.diameter_angstrom


def stroke(driver: Driver, *places: Place) -> None:
    """Press at a place of the micrograph, move over the others, let go."""
    points = [driver.place(*place) for place in places]
    QTest.mouseMove(driver.canvas, points[0])
    pause(0.1)
    QTest.mousePress(driver.canvas, LEFT, NONE, points[0])
    for start, end in itertools.pairwise(points):
        for i in range(1, 13):
            QTest.mouseMove(driver.canvas, start + (end - start) * i / 12)
            QApplication.processEvents()
    QTest.mouseRelease(driver.canvas, LEFT, NONE, points[-1])
    pause(0.3)


def kept(dock: object) -> EditedMask | None:
    """What another reader of the project file sees of the current micrograph's mask."""
    other = Project.open(dock.session.project.path)
    try:
        return {record.id: record.mask for record in other.micrographs()}[dock.session.current]
    finally:
        other.close()


def is_left_out(mask: EditedMask, *places: Place) -> list[bool]:
    """Whether places are painted over."""
    return (~mask.is_usable(places)).tolist()


def run(folder: Path, diameter: float, out: Path) -> None:
    """Do the whole tour."""
    driver = Driver(out)
    dock, session, viewer = driver.dock, driver.dock.session, driver.viewer
    beat = Heartbeat()
    driver.choose_in_dialog(button(dock.micrographs, "Folder…"), folder)
    wait(lambda: dock.canvas.micrograph_id is not None)
    driver.type(dock.micrographs.diameter.lineEdit(), f"{diameter:g}")
    for number in [record.id for record in session.records if record.pixel_size_angstrom is None]:
        sys.exit(f"{session.record(number).name} has no pixel size")
    viewer.add_image(np.zeros((50, 70)), name="a foreign one above", opacity=0.3)
    pause(0.5)
    beat.start()
    stroke(driver, (600, 1500), (1000, 1900), (1500, 2000))  # there and back, which moves the view
    stroke(driver, (1500, 2000), (1000, 1900), (600, 1500))
    print(f"moving the view: {beat.stop()}")
    usual_ms = max(beat.gaps)
    print("painting", flush=True)
    driver.key(Qt.Key.Key_M)
    wait(lambda: NAME in viewer.layers and str(viewer.layers[NAME].mode) == "paint")
    pause(0.5)
    driver.shot("1-editing")
    beat.start()
    stroke(driver, (600, 1500), (1000, 1900), (1500, 2000))
    stroke(driver, (2200, 300), (2600, 500))
    print(f"  {beat.stop()}")
    # Without a graphics card a frame takes as long as the machine is busy.
    check("a stroke keeps nobody waiting", max(beat.gaps) < max(LONGEST_MS, usual_ms))
    driver.shot("2-painted")
    mask = kept(dock)
    check("it is in the project", mask is not None)
    assert mask is not None
    painted = [(600, 1500), (1000, 1900), (2200, 300), (2600, 500)]
    check("it lies under the mouse", all(is_left_out(mask, *painted)))
    turned = [(1500, 600), (1900, 1000), (3000 - 600, 1500), (600, 2200 - 1500), (300, 2200 - 1)]
    check("and nowhere else", not any(is_left_out(mask, *turned)))
    driver.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    after = kept(dock)
    assert after is not None
    check("the last stroke is undone", is_left_out(after, *painted) == [True, True, False, False])
    driver.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier)
    check("and done again", kept(dock) == mask)
    driver.key(Qt.Key.Key_E)
    stroke(driver, (600, 1500), (620, 1520))
    driver.key(Qt.Key.Key_2)
    mask = kept(dock)
    assert mask is not None
    check("E erases", is_left_out(mask, *painted) == [False, True, True, True])
    check("no pick was erased or added", len(session.labels(session.current)) == 0)
    print("picking", flush=True)
    driver.click(dock.pick.buttons[0])
    wait(lambda: not dock.jobs.running)
    pause(0.5)
    driver.shot("3-picked")
    picks = session.labels(session.current)
    check("there are picks", len(picks) > 50)
    check("none of them in what is left out", bool(mask.is_usable(picks.yx).all()))
    check("the mask is still under the brush", viewer.layers.selection.active is viewer.layers[NAME])
    print("layers deleted by hand, and foreign ones", flush=True)
    viewer.layers.remove(NAME)
    wait(lambda: NAME in viewer.layers)
    pause(0.5)
    stroke(driver, (1800, 1200), (1850, 1300))
    mask = kept(dock)
    assert mask is not None
    check("what came back is painted on", is_left_out(mask, (1800, 1200), (1850, 1300)) == [True, True])
    viewer.layers.remove("HydraPicker picks")
    viewer.add_image(np.random.default_rng(0).random((90, 70)), name="another", opacity=0.3)
    viewer.layers.move(0, len(viewer.layers))
    pause(0.5)
    check("who goes over to another layer has ended", not dock.mask_controller.editing)
    driver.key(Qt.Key.Key_M)
    beat.start()
    driver.key(Qt.Key.Key_Period)
    wait(lambda: dock.canvas.micrograph_id == session.records[1].id and viewer.layers[NAME].editable)
    pause(0.5)
    print(f"  {beat.stop()}")
    driver.shot("4-next")
    names = [layer.name for layer in viewer.layers]
    ours = [names.index(f"HydraPicker {what}") for what in ("micrograph", "mask", "picks")]
    check("the layers keep their order", ours == sorted(ours))
    check("the next micrograph has a mask of its own", kept(dock) is None)
    stroke(driver, (400, 2000), (700, 2700))
    other = kept(dock)
    assert other is not None
    check(
        "which is painted on",
        is_left_out(other, (400, 2000), (2000, 400), (700, 2700)) == [True, False, True],
    )
    driver.click(dock.pick.find_mask)
    wait(lambda: not dock.tasks.busy)
    pause(0.3)
    check("found again", kept(dock) is None)
    driver.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    check("which can be undone", kept(dock) == other)
    driver.key(Qt.Key.Key_M)
    check("M ends", not dock.mask_controller.editing)
    check("the picks are worked on", viewer.layers.selection.active is viewer.layers["HydraPicker picks"])
    driver.click(dock.pick.buttons[2])
    wait(lambda: not dock.jobs.running)
    pause(0.5)
    driver.shot("5-all")
    for record, own in zip(session.records, (mask, other), strict=True):
        yx = session.labels(record.id).yx
        check(
            f"{len(yx)} picks on {record.name}, none in its mask",
            bool(own.is_usable(yx).all()) and len(yx) > 50,
        )
    print("closed and opened again", flush=True)
    dock.close_session()
    viewer.close()
    pause(0.5)
    driver = Driver(out)
    dock = driver.dock
    driver.choose_in_dialog(button(dock.micrographs, "Folder…"), folder)
    wait(lambda: dock.canvas.micrograph_id is not None)
    driver.click(dock.pick.advanced.header)
    driver.click(dock.pick.show_mask)
    wait(lambda: NAME in driver.viewer.layers and driver.viewer.layers[NAME].visible)
    pause(0.5)
    driver.shot("6-again")
    check("both masks are there", [record.mask for record in dock.session.records] == [mask, other])
    driver.key(Qt.Key.Key_M)
    pause(0.3)
    stroke(driver, (1500, 300), (1700, 400))
    path = dock.session.project.path
    driver.viewer.close()  # the user closes the window in the midst of it
    pause(0.5)
    with closing(Project.open(path)) as last:
        mask = {record.name: record.mask for record in last.micrographs()}["b"]
        assert mask is not None
        check("the last stroke is kept", is_left_out(mask, (1500, 300), (1700, 400)) == [True, True])


def main() -> None:
    """Read the arguments and go."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch) / "home"
        home.mkdir()
        os.environ["HOME"] = str(home)
        os.environ.pop("HYDRAPICKER_HOME", None)
        folder = Path(scratch) / "micrographs"
        run(folder, make(folder), arguments.out)


if __name__ == "__main__":
    main()
