"""Which step is next, and what cannot be done and why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from napari_hydrapicker.gui.guide import Action, Situation, Step, done_steps, next_step, refusals
from napari_hydrapicker.project.records import Status

OPENED = Situation(
    is_open=True, here=Status.NEW, here_pixel_size=True, is_last=False, micrographs=3, with_pixel_size=3,
    undecided=3, to_pick=3, backgrounds=3,
)  # fmt: skip
PICKED = replace(OPENED, here=Status.PICKED, picked=3, to_pick=0, to_correct=2, picks=True)
CORRECTED = replace(
    PICKED, here=Status.COMPLETE, complete=2, undecided=1, to_correct=1, corrected=2, particles=80
)
TRAINED = replace(CORRECTED, heads=("mine",), head="mine", to_pick=1)
FINISHED = replace(TRAINED, to_pick=0, folder=True, classified=5, rejected=5)


@pytest.mark.parametrize(
    ("situation", "step", "action", "words"),
    [
        (Situation(), Step.OPEN, Action.OPEN_FOLDER, "drop one here"),
        (Situation(images=True), Step.OPEN, Action.OPEN_FOLDER, "image that is open in napari"),
        (Situation(is_open=True), Step.OPEN, Action.OPEN_FOLDER, "empty"),
        (Situation(is_open=True, excluded=2), Step.OPEN, None, "excluded"),
        (replace(OPENED, with_pixel_size=0, here_pixel_size=False), Step.OPEN, None, "pixel size"),
        (OPENED, Step.PICK, Action.PICK_THIS, "diameter"),
        (replace(OPENED, here_pixel_size=False, with_pixel_size=2), Step.PICK, Action.PICK_ALL, "diameter"),
        (replace(OPENED, picking=True), Step.PICK, None, "meanwhile"),
        (PICKED, Step.CORRECT, None, "mark it complete"),
        (CORRECTED, Step.TRAIN, Action.TRAIN, "2 micrographs corrected"),
        (replace(CORRECTED, complete=1, corrected=1), Step.TRAIN, Action.TRAIN, "1 micrograph corrected"),
        (replace(CORRECTED, training=True), Step.TRAIN, None, "meanwhile"),
        (replace(TRAINED, head=""), Step.PICK, None, "Choose the head"),
        (TRAINED, Step.PICK, Action.PICK_ALL, "Pick 1 micrograph with"),
        (FINISHED, Step.EXPORT, None, "export"),
        (replace(FINISHED, exported=True), None, None, "Exported"),
        (replace(PICKED, exported=True), None, None, "Exported"),
        (replace(PICKED, failed=Step.PICK), Step.PICK, None, "says why"),
        (replace(CORRECTED, failed=Step.TRAIN), Step.TRAIN, None, "says why"),
        (replace(PICKED, read_only=True), Step.EXPORT, None, "Read-only"),
        (replace(OPENED, read_only=True), None, None, "Read-only"),
    ],
)
def test_the_next_step_follows_from_the_situation(
    situation: Situation, step: Step | None, action: Action | None, words: str
) -> None:
    advice = next_step(situation)
    assert (advice.step, advice.action) == (step, action)
    assert words in advice.text
    assert len(advice.text) <= 70, "two lines of the dock"


@pytest.mark.parametrize(
    "situation", [Situation(), Situation(images=True), OPENED, PICKED, CORRECTED, TRAINED, FINISHED]
)
def test_what_is_advised_can_be_done(situation: Situation) -> None:
    assert next_step(situation).action not in refusals(situation)


def test_steps_that_are_done_stay_so() -> None:
    assert done_steps(Situation()) == set()
    assert done_steps(PICKED) == {Step.OPEN, Step.PICK}
    assert done_steps(replace(FINISHED, exported=True)) == set(Step)


def test_with_nothing_open_all_but_opening_is_refused() -> None:
    assert set(Action) - refusals(Situation()).keys() == {Action.OPEN_FOLDER}
    assert set(Action) - refusals(Situation(images=True)).keys() == {Action.OPEN_FOLDER, Action.PICK_THIS}


@pytest.mark.parametrize(
    ("situation", "refused"),
    [
        (OPENED, {Action.PREVIOUS, Action.SUGGEST, Action.TRAIN, Action.TRAIN_FROM_CLASSES, Action.EXPORT}),
        (PICKED, {Action.PREVIOUS, Action.TRAIN, Action.TRAIN_FROM_CLASSES, Action.EXPORT}),
        (CORRECTED, {Action.PREVIOUS, Action.TRAIN_FROM_CLASSES, Action.EXPORT}),
        (FINISHED, {Action.PREVIOUS}),
        (replace(FINISHED, undecided=0, to_correct=0), {Action.PREVIOUS, Action.PICK_ALL, Action.SUGGEST}),
        (replace(FINISHED, exporting=True), {Action.PREVIOUS, Action.EXPORT}),
        (replace(FINISHED, making=True), {Action.PREVIOUS, Action.MAKE, Action.DISCARD}),
        (replace(FINISHED, training=True), {Action.PREVIOUS, Action.TRAIN, Action.TRAIN_FROM_CLASSES}),
        (
            replace(FINISHED, picking=True),
            {Action.PREVIOUS, Action.PICK_THIS, Action.PICK_SELECTED, Action.PICK_ALL, Action.ESTIMATE},
        ),
        (
            replace(FINISHED, here_pixel_size=False),
            {Action.PREVIOUS, Action.MEASURE, Action.PICK_THIS, Action.SHOW_MASK, Action.EDIT_MASK},
        ),
        (
            replace(FINISHED, here_pixel_size=False, here_mask=True),
            {Action.PREVIOUS, Action.MEASURE, Action.PICK_THIS},
        ),
    ],
)
def test_only_what_cannot_be_done_is_refused(situation: Situation, refused: set[Action]) -> None:
    assert refusals(situation).keys() == refused


def test_a_project_that_is_open_elsewhere_can_be_looked_at_and_exported() -> None:
    found = refusals(replace(FINISHED, read_only=True, is_first=False))
    allowed = set(Action) - found.keys()
    assert allowed == {
        Action.OPEN_FOLDER, Action.PREVIOUS, Action.NEXT, Action.MEASURE, Action.SHOW_MASK, Action.SUGGEST,
        Action.EXPORT, Action.COMPARE,
    }  # fmt: skip
    assert "another napari" in found[Action.ADD]


def test_the_reason_says_what_to_do() -> None:
    found = refusals(OPENED)
    assert "correct a micrograph" in found[Action.TRAIN]
    assert "pick first" in found[Action.EXPORT]
    assert "pick some first" in found[Action.SUGGEST]
    assert "enter it in the table" in refusals(replace(OPENED, here_pixel_size=False))[Action.PICK_THIS]
    assert "folder" in refusals(PICKED)[Action.EXPORT]
    assert "cancel" in refusals(replace(OPENED, picking=True))[Action.PICK_ALL]


def test_a_head_from_classes_needs_some_kept_and_some_rejected() -> None:
    action = Action.TRAIN_FROM_CLASSES
    said = [
        refusals(replace(FINISHED, classified=kept, rejected=out)).get(action)
        for kept, out in ((0, 0), (5, 0), (0, 5), (5, 5))
    ]
    assert ["classify" in str(said[0]), "No class is rejected" in str(said[1])] == [True, True]
    assert "All classes are rejected" in str(said[2])
    assert said[3] is None
    assert "being trained" in refusals(replace(FINISHED, classified=5, rejected=5, training=True))[action]
