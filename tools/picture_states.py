"""Pictures of the window in each state of the work, in both themes and at two sizes, to be looked at.

    xvfb-run -s "-screen 0 1920x1080x24" python tools/picture_states.py --out FOLDER

Four micrographs are simulated, opened, picked and corrected. That a head was trained, and that something
failed, is only said to the window: the pictures are of what it shows then. For each state there is a sheet
`STATE.png` of the dark and the light window at 1280 x 720 and at 1920 x 1080, and the whole column of the
dock, as if the screen were high enough, in `STATE-dock.png`. Ends with an error where a text of the dock is
cut at its width, or the dock is wider than its place.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import mrcfile
import numpy as np
from PIL import Image
from qtpy.QtWidgets import QAbstractButton, QLabel
from window_driver import Driver, pause, wait

from napari_hydrapicker.project.records import Status
from napari_hydrapicker.simulation.sample import sample_micrograph
from napari_hydrapicker.worker.messages import Trained, Training

SIZES = ((1280, 720), (1920, 1080))
THEMES = ("dark", "light")


def write_micrographs(folder: Path) -> float:
    """Simulate four micrographs into a folder; returns the particle's diameter, Angstrom."""
    folder.mkdir(parents=True)
    for seed in range(1, 5):
        made = sample_micrograph(seed, (960, 1280))
        with mrcfile.new(folder / f"20260115_grid1_{seed:04d}_patch_aligned_doseweighted.mrc") as file:
            file.set_data(made.image)
            file.voxel_size = made.pixel_size_angstrom
    return made.diameter_angstrom


class States:
    """Brings a window into one state after the other."""

    def __init__(self, driver: Driver, folder: Path) -> None:
        self.dock, self.folder = driver.dock, folder

    def empty(self) -> None:
        """Show the window as it opens, all sections unfolded by the user."""

    def opened(self) -> None:
        """Open a folder."""
        self.dock.opener.open([str(self.folder)])
        wait(lambda: self.dock.canvas.micrograph_id is not None)

    def picked(self) -> None:
        """Pick all of it."""
        self.dock.commands.pick("all")
        wait(lambda: not self.dock.jobs.running)

    def corrected(self) -> None:
        """Correct two micrographs, and mark one of them complete."""
        session = self.dock.session
        first, second = (record.id for record in session.records[:2])
        for number in (first, second):
            picks = session.labels(number)
            session.delete(number, picks.id[np.argsort(picks.score)[:3]])
            session.add(number, [[500.5, 33.0]])
        session.set_status(first, Status.COMPLETE)

    def trained(self) -> None:
        """Say that a head was trained, and is better."""
        jobs = self.dock.training
        jobs.started.emit()
        for step in range(0, 101, 10):
            share = step / 100
            jobs.progressed.emit(
                Training(1, "training", step, 100, 60 * share, 1.1 - share, 0.7 + 0.2 * share)
            )
        jobs.finished.emit(False, "")
        jobs.trained.emit(Trained(1, "grid1-1", 0.702, 0.903, True, 100, 60.0, ap_error=0.02))

    def failed(self) -> None:
        """Pick where the files are gone, and say that a training failed."""
        for file in self.folder.glob("*.mrc"):
            file.unlink()
        self.dock.commands.pick("all")
        wait(lambda: not self.dock.jobs.running)
        jobs = self.dock.training
        jobs.started.emit()
        jobs.finished.emit(False, "Head 'grid1-1' was not trained: memory ran out; close other programs")


def cut_texts(driver: Driver) -> list[str]:
    """Texts of buttons and labels that have less room than they take."""
    found = []
    for widget in driver.dock.findChildren(QAbstractButton) + driver.dock.findChildren(QLabel):
        if not widget.isVisible() or not widget.text():
            continue
        if isinstance(widget, QLabel) and widget.wordWrap():
            short = widget.height() < widget.heightForWidth(widget.width()) - 1
        else:
            # A style's buttons have margins that may be given up before a letter is.
            short = widget.width() < widget.fontMetrics().horizontalAdvance(widget.text())
        if short:
            found.append(widget.text())
    return found


def whole_dock(driver: Driver) -> Image.Image:
    """All sections unfolded, in two columns, and folded again as they were."""
    sections = [*driver.dock.column.sections, driver.dock.pick.advanced]
    was_open = [section.is_open for section in sections]
    for section in sections:
        section.set_open(True)
    driver.click(driver.dock.correct.show_gallery)
    pause(1)
    file = driver.out / "dock.png"
    driver.dock.column.widget().grab().save(str(file))
    driver.click(driver.dock.correct.show_gallery)
    for section, is_open in zip(sections, was_open, strict=True):
        section.set_open(is_open)
    with Image.open(file) as picture:
        half = (picture.height + 1) // 2
        made = Image.new("RGB", (2 * picture.width + 4, half))
        made.paste(picture.crop((0, 0, picture.width, half)), (0, 0))
        made.paste(picture.crop((0, half, picture.width, picture.height)), (picture.width + 4, 0))
    file.unlink()
    return made


def take(driver: Driver, state: str) -> list[str]:
    """Take all pictures of a state; returns texts that are cut."""
    shots, cut = [], []
    for theme in THEMES:
        driver.viewer.theme = theme
        for width, height in SIZES:
            driver.window.resize(width, height)
            pause(0.6)
            name = f"{state}-{theme}-{width}"
            driver.shot(name)
            shots.append(driver.out / f"{name}.png")
            cut += [f"{state}, {theme}, {width} x {height}: {text!r}" for text in cut_texts(driver)]
            column = driver.dock.column
            if column.widget().width() > column.viewport().width():
                cut.append(f"{state}, {theme}, {width} x {height}: the dock is wider than its place")
        whole_dock(driver).save(driver.out / f"{state}-{theme}-dock.png")
    sheet = Image.new("RGB", (2 * SIZES[1][0], SIZES[0][1] + SIZES[1][1]))
    for i, shot in enumerate(shots):
        with Image.open(shot) as picture:
            sheet.paste(picture, (i // 2 * SIZES[1][0], i % 2 * SIZES[0][1]))
        shot.unlink()
    sheet.save(driver.out / f"{state}.png")
    columns = [driver.out / f"{state}-{theme}-dock.png" for theme in THEMES]
    pictures = [Image.open(one) for one in columns]
    both = Image.new("RGB", (sum(one.width for one in pictures) + 10, max(one.height for one in pictures)))
    for picture, x in zip(pictures, (0, pictures[0].width + 10), strict=True):
        both.paste(picture, (x, 0))
    both.save(driver.out / f"{state}-dock.png")
    for one in columns:
        one.unlink()
    return cut


def main() -> None:
    """Go through the states."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures")
    parser.add_argument("--only", nargs="+", help="states to take pictures of")
    out = parser.parse_args().out
    only = parser.parse_args().only
    out.mkdir(parents=True, exist_ok=True)
    cut = []
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["HYDRAPICKER_HOME"] = f"{scratch}/user"
        folder = Path(scratch) / "grid1"
        diameter = write_micrographs(folder)
        driver = Driver(out)
        driver.dock.session.update(diameter_angstrom=diameter)
        states = States(driver, folder)
        for name in ("empty", "opened", "picked", "corrected", "trained", "failed"):
            getattr(states, name)()
            pause(0.5)
            if only is None or name in only:
                cut += take(driver, name)
                print(name, flush=True)
        driver.dock.close_session()
        driver.viewer.close()
    if cut:
        sys.exit("cut:\n" + "\n".join(cut))


if __name__ == "__main__":
    main()
