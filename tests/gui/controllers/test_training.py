"""Corrections in, a new head out, and how it differs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_hydrapicker.errors import ProjectError
from napari_hydrapicker.gui.controllers.head_comparison import NAME
from napari_hydrapicker.hydra import weights
from napari_hydrapicker.hydra.head_record import HeadRecord, MicrographUse
from napari_hydrapicker.hydra.layers import ThesisHead
from napari_hydrapicker.hydra.network import Architecture, HydraPicker
from napari_hydrapicker.hydra.weights import Metadata
from napari_hydrapicker.picking.library import HOME_VARIABLE, HeadLibrary, head_names
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.training.annotated_micrograph import AnnotatedMicrograph
from napari_hydrapicker.worker.job_directory import JobDirectory
from napari_hydrapicker.worker.messages import Trained

Wait = Callable[..., None]


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))


def keep(folder: Path, name: str, micrograph: str = "m0") -> None:
    use = MicrographUse(name=micrograph, sha256="0" * 64, use="training", particles=3)
    record = HeadRecord(
        name=name, diameter_angstrom=100, created="now", parent="a" * 64, channels=4, groups=4, dropout=0.3,
        micrographs=(use,),
    )  # fmt: skip
    HeadLibrary(folder).add(ThesisHead(4, 4, 0.3), record)


def heads(dock: Any) -> list[str]:
    return [dock.pick.head.itemText(i) for i in range(dock.pick.head.count())]


def test_corrections_are_counted_as_they_are_made(picked: Any, wait: Wait) -> None:
    assert not picked.train.train.isEnabled()
    picked.session.add(picked.session.current, [[50.0, 60.0]])
    wait(lambda: "1 partly corrected" in picked.train.labels.text())
    assert picked.train.train.isEnabled()
    picked.commands.toggle_complete()
    wait(lambda: "1 complete:" in picked.train.labels.text())


def test_a_training_is_asked_for_with_both_libraries(picked: Any, tmp_path: Path) -> None:
    asked: list[tuple[str, list[Path]]] = []
    picked.training.train = lambda name, folders: asked.append((name, folders))
    picked.training_controller.train("mine")
    ((name, folders),) = asked
    assert name == "mine"
    assert [one.parent.name for one in folders] == [picked.session.project.path.parent.name, "home"]


def test_the_networks_own_heads_are_offered_first(picked: Any, tmp_path: Path) -> None:
    model = HydraPicker(Architecture(channels=4, groups=4))
    model.add_head("virus")
    weights.save(model, tmp_path / "net.safetensors", Metadata())
    keep(tmp_path / "home" / "heads", "mine")
    picked.session.update(weights=str(tmp_path / "net.safetensors"))
    assert heads(picked) == ["generic", "virus", "mine"]
    said: list[str] = []
    picked.training_controller.problem.connect(said.append)
    picked.session.update(weights=str(tmp_path / "gone.safetensors"))
    assert "gone.safetensors: cannot be read" in said[0]


def test_a_name_that_is_taken_is_refused(picked: Any, tmp_path: Path) -> None:
    keep(tmp_path / "home" / "heads", "mine")
    told: list[str] = []
    picked.training_controller.problem.disconnect()
    picked.training_controller.problem.connect(told.append)
    picked.training.train = lambda *_: pytest.fail("it must not train")
    picked.training_controller.train("mine")
    assert "already" in told[0]
    assert picked.train.result.text() == told[0]
    assert not picked.train.result.isHidden()


def test_a_new_head_is_listed_and_chosen(picked: Any, tmp_path: Path) -> None:
    assert heads(picked) == head_names()
    picked.session.update(picker="cgan")
    keep(tmp_path / "home" / "heads", "mine")
    picked.training.trained.emit(Trained(1, "mine", 0.7, 0.8, True, 100, 60.0))
    assert heads(picked) == [*head_names(), "mine"]
    assert picked.session.settings.head == picked.pick.head.currentText() == "mine"
    assert picked.session.settings.picker == "hydra", "a head is HydraPicker's"
    model = picked.micrographs.table.model
    uses = [model.data(model.index(row, 4)) for row in range(model.rowCount())]
    assert uses == ["train", "", ""]
    picked.pick.head.setCurrentText("generic")
    assert picked.session.settings.head == "generic"
    assert [model.data(model.index(row, 4)) for row in range(3)] == ["", "", ""]


def test_a_head_taken_by_hand_is_no_longer_called_unused(picked: Any, tmp_path: Path) -> None:
    keep(tmp_path / "home" / "heads", "mine")
    picked.training.trained.emit(Trained(1, "mine", 0.8, 0.7, True, 100, 60.0))
    assert picked.session.settings.head == "generic"
    assert "is not in use" in picked.train.result.text()
    picked.train.use.click()
    assert picked.session.settings.head == "mine"
    assert "0.700 now. It is no better than the generic head: correct more" in picked.train.result.text()
    picked.pick.head.setCurrentText("generic")
    assert "is not in use" in picked.train.result.text()
    picked.pick.head.setCurrentText("mine")
    assert "not in use" not in picked.train.result.text()
    assert picked.train.use.isHidden()


def test_a_head_found_on_reopening_is_told_and_listed_but_not_used(picked: Any, tmp_path: Path) -> None:
    told: list[str] = []
    picked.training_controller.message.disconnect()
    picked.training_controller.message.connect(told.append)
    keep(tmp_path / "home" / "heads", "mine")
    picked.training.found.emit(Trained(1, "mine", 0.7, 0.8, True, 100, 60.0))
    assert heads(picked) == [*head_names(), "mine"]
    assert picked.session.settings.head == "generic"
    assert "0.700 before, 0.800 now. It is better than the generic head. Choose it" in told[0]
    picked.training.resumed.emit("other")
    picked.training.left.emit("other")
    assert [("still training" in text, "keeps training" in text) for text in told[1:]] == [
        (True, False),
        (False, True),
    ]


def test_a_training_that_is_refused_is_said(picked: Any) -> None:
    told: list[str] = []
    picked.training_controller.problem.disconnect()
    picked.training_controller.problem.connect(told.append)
    other = JobDirectory.of(picked.session.project.path, "training", "other")
    other.hold()
    picked.training_controller.train("mine")
    other.release()
    assert told[0].startswith("Head 'mine' was not trained: a training of this project is under way")
    assert not picked.training.running


def test_picks_of_before_can_be_switched_on_and_off(picked: Any, tmp_path: Path, wait: Wait) -> None:
    keep(tmp_path / "home" / "heads", "mine")
    number, other = picked.session.current, picked.session.records[1].id
    picked.session.put_picks(other, Picks(np.array([[90.0, 90.0]]), np.array([0.9])))
    picked.training_controller.take("mine")
    assert NAME not in picked.viewer.layers  # nothing has changed yet
    picks = Picks(np.array([[110.0, 300.0], [20.0, 620.0]]), np.array([0.95, 0.8]))
    picked.session.put_picks(number, picks)
    layer = picked.viewer.layers[NAME]
    np.testing.assert_allclose(layer.data[np.lexsort(layer.data.T)], [[300.0, 200.0], [100.0, 500.0]])
    assert float(np.ravel(layer.size)[0]) == pytest.approx(picked.canvas.diameter_px())
    assert picked.viewer.layers.selection.active is not layer
    assert "Picks here: 2 before, 2 now. The" in picked.train.comparison.text()
    picked.session.put_picks(other, picks)
    wait(lambda: "on the 2 micrographs picked again: 3 before, 4 now" in picked.train.comparison.text())
    layer.visible = False
    picked.session.put_picks(number, Picks(picks.yx[:1], picks.score[:1]))
    assert not picked.viewer.layers[NAME].visible
    picked.session.set_current(picked.session.records[2].id)
    wait(lambda: picked.canvas.micrograph_id == picked.session.current)
    assert len(picked.viewer.layers[NAME].data) == 0, "nothing to compare here"
    assert picked.train.comparison.isHidden()
    picked.close_session()
    assert NAME not in picked.viewer.layers


def test_another_project_is_not_told_of_the_last_training(picked: Any, tmp_path: Path) -> None:
    picked.training.trained.emit(Trained(1, "mine", 0.8, 0.7, True, 100, 60.0))
    more = picked.session.records[0].micrograph()
    picked.session.add_micrographs([replace(more, path=more.path.with_name("m9.mrc"))])
    assert not picked.train.result.isHidden()
    picked.session.use(Project.create(tmp_path / "other.hydrapicker"))
    assert picked.train.result.isHidden()
    assert picked.train.use.isHidden()


def test_heads_chosen_by_hand_are_compared_too(picked: Any, wait: Wait) -> None:
    here, other = picked.session.records[0].id, picked.session.records[1].id
    picks = Picks(np.array([[90.0, 90.0], [50.0, 20.0]]), np.array([0.9, 0.8]))
    picked.session.put_picks(other, picks)
    picked.pick.show_heads(["generic", "mine"], "generic")
    picked.pick.head.setCurrentText("mine")
    picked.session.put_picks(other, Picks(np.array([[20.0, 320.0]]), np.array([0.9])))
    picked.training_controller.go_on()
    assert picked.session.current == other != here
    assert picked.train.suggestion.text().endswith("100% of the picks are by only one of the two heads")
    wait(lambda: picked.train.comparison.text().startswith("Picks here: 2 before, 1 now"))


def test_the_next_micrograph_is_the_least_certain(picked: Any) -> None:
    _, second, third = (record.id for record in picked.session.records)
    told: list[str] = []
    picked.training_controller.problem.disconnect()
    picked.training_controller.problem.connect(told.append)
    picked.training_controller.go_on()
    assert len(told) == 1
    for number, score in ((second, 0.99), (third, 0.55)):
        picked.session.put_picks(number, Picks(np.array([[100.0, 300.0]]), np.array([score])))
    picked.training_controller.go_on()
    assert picked.session.current == third
    assert picked.train.suggestion.text().startswith("m2: about 45 wrong or missing picks in 100")


def test_a_step_that_the_project_cannot_note_is_said(picked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(number: int) -> None:
        raise ProjectError("p.hydrapicker: cannot be written")

    told: list[str] = []
    picked.training_controller.problem.disconnect()
    picked.training_controller.problem.connect(told.append)
    picked.session.put_picks(picked.session.records[1].id, Picks(np.array([[9.0, 9.0]]), np.array([0.6])))
    monkeypatch.setattr(picked.session, "set_current", refuse)
    picked.training_controller.go_on()
    assert told == ["p.hydrapicker: cannot be written"]


def test_a_library_that_cannot_be_read_is_said(
    picked: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    picked.training_controller.problem.disconnect()
    picked.training_controller.problem.connect(told.append)
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "in-the-way"))
    (tmp_path / "in-the-way").mkdir()
    (tmp_path / "in-the-way" / "heads").write_text("a file")
    picked.training_controller.train("mine")
    picked.session.update(head="mine")
    assert len(told) == 2
    assert all("in-the-way" in text and "cannot be read" in text for text in told)


def test_a_head_from_classes_has_a_name_of_its_own(picked: Any, tmp_path: Path) -> None:
    asked: list[Any] = []
    told: list[str] = []
    picked.training.train = lambda name, folders, micrographs: asked.append((name, micrographs))
    picked.training_controller.message.connect(told.append)
    one = AnnotatedMicrograph(picked.session.records[0].micrograph(), [[1.0, 2.0]], [[3.0, 4.0], [5.0, 6.0]])
    picked._train_from_classes((one,))
    keep(tmp_path / "home" / "heads", asked[0][0])
    picked._train_from_classes((one,))
    assert [name for name, _ in asked] == ["micrographs-1-classes", "micrographs-1-classes-2"]
    assert asked[0][1] == (one,)
    assert "1 particle and 2 picks of other things, on 1 micrograph;" in told[0]
    assert picked.train.is_open


def test_a_new_head_is_taken_back_in_one_step(picked: Any, tmp_path: Path) -> None:
    keep(tmp_path / "home" / "heads", "mine")
    picked.session.update(picker="cgan")
    picked.training_controller.take("mine")
    assert (picked.session.settings.head, picked.session.settings.picker) == ("mine", "hydra")
    assert not picked.train.back.isHidden()
    picked.train.back.click()
    assert (picked.session.settings.head, picked.session.settings.picker) == ("generic", "cgan")
    assert picked.train.back.isHidden()
