"""A picker is asked for, made, and offered where one picks."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_hydrapicker.errors import ProjectError
from napari_hydrapicker.picking.library import GeneratorLibrary, bundled_generator, project_generators
from napari_hydrapicker.worker.job_directory import CHECKPOINT, JobDirectory
from napari_hydrapicker.worker.messages import Broken, Made

Wait = Callable[..., None]
MADE = Made(1, "mine", 0.9, 0.8, 1, 400, 99.0)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDRAPICKER_HOME", str(tmp_path / "home"))


@pytest.fixture
def told(dock: Any) -> list[str]:
    """What the user reads."""
    texts: list[str] = []
    dock.make_controller.problem.connect(texts.append)
    dock.make_controller.message.connect(texts.append)
    dock.pick.problem.connect(texts.append)
    return texts


@pytest.fixture
def quiet(dock: Any, double: Any) -> Any:
    """The dock, with a double for the process that makes pickers."""
    dock.making._child = double
    return dock


def library(dock: Any) -> GeneratorLibrary:
    return project_generators(dock.session.project.path)


def keep(dock: Any, name: str) -> Path:
    library(dock).add(Path(str(bundled_generator())), name)
    return library(dock).path(name)


def listed(dock: Any) -> list[str]:
    box = dock.pick.choices.generator
    return [box.itemText(i) for i in range(box.count())]


def test_it_is_asked_for_with_what_the_section_says(quiet: Any) -> None:
    section = quiet.make
    assert f"{quiet.session.settings.diameter_angstrom:g} Å" in section.about.text()
    assert "3 of your micrographs" in section.about.text()
    section.name.setText("mine")
    section.number.setValue(25)
    section.make.click()
    (request,) = quiet.making._child.sent
    assert (request.name, request.number, len(request.micrographs)) == ("mine", 25, 3)
    assert not section.progress.isHidden()
    assert not section.make.isEnabled()


@pytest.mark.parametrize(
    ("name", "words"), [("no name!", "cannot be the name of a picker"), ("mine", "already")]
)
def test_a_name_that_will_not_do_is_refused(quiet: Any, told: list[str], name: str, words: str) -> None:
    keep(quiet, "mine")
    quiet.make.name.setText(name)
    quiet.make.make.click()
    assert quiet.making._child.sent == []
    assert words in told[0]
    assert quiet.make.result.text() == told[0]  # and not only in a notification
    assert not quiet.make.result.isHidden()
    assert quiet.make.use.isHidden()


def test_what_is_made_is_listed_offered_and_taken(quiet: Any, told: list[str]) -> None:
    keep(quiet, "mine")
    quiet.making.trained.emit(MADE)
    assert "Choose it in Pick" in told.pop()
    assert listed(quiet) == ["bundled", "mine", "choose a file…"]
    quiet.make.use.click()
    settings = quiet.session.settings
    assert (settings.picker, settings.generator) == ("cgan", "mine")
    assert quiet.pick.choices.generator.currentText() == "mine"
    assert "is in use now" in told[0]


def test_why_one_was_not_made_stays_until_the_next_is_begun(quiet: Any, wait: Wait) -> None:
    section, problem = quiet.make, "the worker process was killed"
    section.name.setText("mine")
    section.make.click()
    quiet.making._child.says.append(Broken(problem))
    wait(lambda: not section.result.isHidden())
    assert problem in section.result.text()
    section.make.click()
    assert section.result.isHidden()


def test_one_that_was_found_is_told_and_not_taken(quiet: Any, told: list[str]) -> None:
    quiet.making.found.emit(MADE)
    assert "Choose it in Pick" in told[0]
    assert quiet.session.settings.picker == "hydra"


def test_one_that_is_still_being_made_is_shown_by_its_name(quiet: Any, told: list[str]) -> None:
    quiet.making.started.emit()
    quiet.making.resumed.emit("left")
    assert quiet.make.name.text() == "left"
    assert not quiet.make.progress.isHidden()
    assert "still training" in told[0]


def test_an_unfinished_one_is_offered_by_its_name_and_discarded(quiet: Any) -> None:
    section = quiet.make
    section.name.setText("mine")
    section.number.setValue(25)
    section.make.click()
    work = JobDirectory.of(quiet.session.project.path, "making", "mine").work
    work.mkdir()
    (work / CHECKPOINT).touch()
    quiet.making._end(True, "")
    assert section.make.text() == "Resume"
    section.name.setText("other")
    assert section.make.text() == "Make a picker"
    section.name.setText("mine")
    assert section.make.text() == "Resume"
    section.discard.click()
    assert section.make.text() == "Make a picker"
    assert section.result.isHidden()


def test_what_cannot_be_cancelled_is_told(
    quiet: Any, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise ProjectError("the folder is gone")

    monkeypatch.setattr(quiet.making, "cancel", refuse)
    quiet.make.progress.cancel.click()
    assert told == ["the folder is gone"]


def test_a_generator_picks_and_is_missed_when_it_is_gone(dock: Any, told: list[str], wait: Wait) -> None:
    own = keep(dock, "mine")
    dock.session.update(picker="cgan", generator="mine")
    dock.pick.buttons[0].click()
    wait(lambda: not dock.jobs.running, 90)
    first = dock.session.records[0].id
    assert len(dock.session.labels(first)) > 5
    own.unlink()
    dock.pick.buttons[0].click()
    assert "no generator called 'mine'" in told[-1]
    assert not dock.jobs.running
    own.write_bytes(b"damaged" * 100)
    dock.pick.buttons[0].click()
    wait(lambda: not dock.jobs.running, 90)
    assert "mine.safetensors: not a safetensors file" in told[-1]
    assert len(dock.session.labels(first)) > 5, "the picks of before stay"


def test_a_file_is_taken_if_it_is_a_generator(dock: Any, told: list[str], tmp_path: Path) -> None:
    own = tmp_path / "elsewhere.safetensors"
    shutil.copy(str(bundled_generator()), own)
    dock.pick.choices.generator_file_chosen.emit(str(own))
    assert dock.session.settings.generator == str(own)
    assert dock.pick.choices.generator.currentText() == "elsewhere.safetensors"
    own.write_text("no such thing, but long enough to have a header")
    dock.pick.choices.generator_file_chosen.emit(str(own))
    assert "not a safetensors file" in told[-1]


def test_the_settings_of_a_project_keep_the_choice(dock: Any, folder: Path, wait: Wait) -> None:
    keep(dock, "mine")
    dock.session.update(picker="consensus", generator="mine", joined=("cgan",), imported=str(folder), votes=2)
    path = dock.session.project.path
    dock.session.close()
    dock.session.update(picker="hydra", generator=None, joined=("hydra", "cgan"), imported=None, votes=1)
    dock.opener.open([str(path)])
    choices = dock.pick.choices
    assert choices.picker.currentText() == "Consensus"
    assert (choices.generator.currentText(), choices.imported.currentText()) == ("mine", folder.name)
    assert (choices.votes.value(), choices.joined["hydra"].isChecked()) == (2, False)
