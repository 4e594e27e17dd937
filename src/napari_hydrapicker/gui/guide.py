"""Which step of the work is next, and what cannot be done yet and why: pure functions of a `Situation`.

Neither Qt nor napari is needed here. `controllers/guide.py` keeps the dock in step with what these say.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from napari_hydrapicker.project.records import Status

READ_ONLY = "The project is read-only: another napari window has it open"


class Step(StrEnum):
    """The steps of the work, in their order."""

    OPEN = "open"
    PICK = "pick"
    CORRECT = "correct"
    TRAIN = "train"
    EXPORT = "export"


class Action(StrEnum):
    """What a widget of the dock does that cannot be done at any time."""

    OPEN_FOLDER = "open folder"
    PREVIOUS = "previous"
    NEXT = "next"
    EXCLUDE = "exclude"
    COMPARE = "compare"
    MEASURE = "measure"
    ESTIMATE = "estimate"
    PICK_THIS = "pick this"
    PICK_SELECTED = "pick selected"
    PICK_ALL = "pick all"
    IMPORT = "import"
    SHOW_MASK = "show mask"
    EDIT_MASK = "edit mask"
    ADD = "add"
    MOVE = "move"
    ERASE = "erase"
    UNDO = "undo"
    REDO = "redo"
    COMPLETE = "complete"
    TRAIN = "train"
    TRAIN_FROM_CLASSES = "train from classes"
    SUGGEST = "suggest"
    MAKE = "make"
    DISCARD = "discard"
    EXPORT = "export"


@dataclass(frozen=True)
class Situation:
    """What the guide goes by; all counts leave excluded micrographs out.

    Attributes
    ----------
    is_open, read_only : bool
        Whether a project is open, and whether another napari has it open for writing.
    images : bool
        Whether napari shows an image that could be picked with no project open.
    here : Status or None
        Status of the current micrograph; None if there is none.
    here_pixel_size, here_mask : bool
        Whether that micrograph's pixel size is known, and whether its mask was edited.
    is_first, is_last : bool
        Whether there is no micrograph before it, or after it.
    micrographs, excluded : int
        How many there are.
    with_pixel_size : int
        Those whose pixel size is known.
    undecided : int
        Those that are not complete.
    to_pick : int
        Those of the undecided that have no picks of the picker that is chosen now.
    picked, complete : int
        Those that have picks, and those that are marked complete.
    to_correct : int
        Picked and undecided ones besides the current.
    corrected, particles : int
        Micrographs that a head can learn from, and the particles on them.
    classified, rejected : int
        Picks that are in 2-D classes still, and those of rejected classes.
    picks : bool
        Whether a pick is shown on any micrograph.
    heads : tuple of str
        Heads that were trained in this project.
    head : str
        The head that picks; "" for the generic one, and where another picker is chosen.
    backgrounds : int
        Micrographs from which a cGAN picker could learn its backgrounds.
    picking, training, making, exporting : bool
        What is under way.
    failed : Step or None
        The step at which the last job failed, until the user has looked.
    folder : bool
        Whether a folder to export to is chosen.
    exported : bool
        Whether the picks have been exported, and nothing has changed since.
    """

    is_open: bool = False
    read_only: bool = False
    images: bool = False
    here: Status | None = None
    here_pixel_size: bool = False
    here_mask: bool = False
    is_first: bool = True
    is_last: bool = True
    micrographs: int = 0
    excluded: int = 0
    with_pixel_size: int = 0
    undecided: int = 0
    to_pick: int = 0
    picked: int = 0
    complete: int = 0
    to_correct: int = 0
    corrected: int = 0
    particles: int = 0
    classified: int = 0
    rejected: int = 0
    picks: bool = False
    heads: tuple[str, ...] = ()
    head: str = ""
    backgrounds: int = 0
    picking: bool = False
    training: bool = False
    making: bool = False
    exporting: bool = False
    failed: Step | None = None
    folder: bool = False
    exported: bool = False


@dataclass(frozen=True)
class Advice:
    """What to do next.

    Attributes
    ----------
    text : str
        In words.
    step : Step or None
        Its section is marked; None where there is nothing left to do.
    action : Action or None
        What a button beside the text does; None: it brings the section into view.
    """

    text: str
    step: Step | None
    action: Action | None = None


def next_step(s: Situation) -> Advice:
    """Say what to do next."""
    return _to_open(s) or _under_way(s) or _to_pick_and_correct(s) or _to_train_and_export(s)


def _to_open(s: Situation) -> Advice | None:
    if not s.is_open and s.images:
        text = "Open a folder, or pick the image that is open in napari (key G)"
        return Advice(text, Step.OPEN, Action.OPEN_FOLDER)
    if not s.is_open:
        return Advice("Open a folder of micrographs, or drop one here", Step.OPEN, Action.OPEN_FOLDER)
    if s.micrographs == 0 and s.excluded:
        return Advice("All micrographs are excluded: select some and press Exclude", Step.OPEN)
    if s.micrographs == 0:
        return Advice("The project is empty: open a folder of micrographs", Step.OPEN, Action.OPEN_FOLDER)
    if s.with_pixel_size == 0:
        return Advice("The pixel size is unknown: enter it in the table (Å/px)", Step.OPEN)
    return None


def _under_way(s: Situation) -> Advice | None:
    if s.read_only and s.picks:
        return Advice("Read-only, open in another napari: look at the picks, or export them", Step.EXPORT)
    if s.read_only:
        return Advice("Read-only, open in another napari: you can look at the micrographs", None)
    if s.picking:
        return Advice("Picking: look at micrographs and correct picks meanwhile", Step.PICK)
    if s.failed is not None:
        return Advice(_FAILURES[s.failed], s.failed)
    if s.training:
        return Advice("Training a head: go on correcting meanwhile", Step.TRAIN)
    if s.exported:
        return Advice("Exported. Correct more, or open other micrographs", None)
    return None


def _to_pick_and_correct(s: Situation) -> Advice | None:
    if s.picked == 0 and s.particles == 0:
        action = Action.PICK_THIS if s.here_pixel_size else Action.PICK_ALL
        return Advice("Check the diameter, then pick", Step.PICK, action)
    if s.particles == 0 and not s.head:
        return Advice("Correct a micrograph and mark it complete (key Q), or export", Step.CORRECT)
    return None


def _to_train_and_export(s: Situation) -> Advice:
    if not s.heads and not s.head:
        done = _number(s.corrected, "micrograph")
        return Advice(f"{done} corrected: train a head", Step.TRAIN, Action.TRAIN)
    if not s.head:
        return Advice("Choose the head that you trained in Pick, or correct more", Step.PICK)
    if s.to_pick:
        rest = _number(s.to_pick, "micrograph")
        return Advice(f"Pick {rest} with your own head", Step.PICK, Action.PICK_ALL)
    return Advice("All micrographs are picked: check some, then export", Step.EXPORT)


def done_steps(s: Situation) -> frozenset[Step]:
    """Return the steps that are done, whichever is next."""
    found = {
        Step.OPEN: s.with_pixel_size > 0,
        Step.PICK: s.picked > 0,
        Step.CORRECT: s.complete > 0,
        Step.TRAIN: bool(s.head),
        Step.EXPORT: s.exported,
    }
    return frozenset(step for step, is_done in found.items() if is_done)


def refusals(s: Situation) -> dict[Action, str]:
    """Return what cannot be done now, and why; all other actions are possible."""
    if not s.is_open:
        possible = {Action.OPEN_FOLDER} | ({Action.PICK_THIS} if s.images else set())  # which opens the image
        return {action: "Open micrographs first" for action in Action if action not in possible}
    found: dict[Action, str] = {}

    def refuse(actions: Iterable[Action], why: str) -> None:
        """Refuse actions that were not refused for a reason given before."""
        for action in actions:
            found.setdefault(action, why)

    if s.read_only:
        refuse(_CHANGING, READ_ONLY)
    if s.picking:
        refuse(_PICKING, "Picking is under way: wait for its end, or cancel it")
    if s.micrographs == 0:
        refuse((*_PICKING, Action.IMPORT), "The project has no micrographs, or all are excluded")
    if s.micrographs + s.excluded == 0:
        refuse([Action.COMPARE], "The project has no micrographs: open a folder of them")
    if s.here is None:
        refuse(_HERE, "No micrograph is shown: choose one in the table")
    refuse([Action.PREVIOUS] * s.is_first, "This is the first micrograph")
    refuse([Action.NEXT] * s.is_last, "This is the last micrograph")
    if not s.here_pixel_size:
        needing = [
            Action.MEASURE,
            Action.PICK_THIS,
            *([] if s.here_mask else [Action.SHOW_MASK, Action.EDIT_MASK]),
        ]
        refuse(needing, "The pixel size is unknown: enter it in the table (Å/px)")
    if s.with_pixel_size == 0:
        refuse(_PICKING, "No micrograph has a pixel size: enter it in the table (Å/px)")
    if s.undecided == 0:
        refuse([Action.PICK_ALL], "Every micrograph is complete or excluded: nothing is left to pick")
    if s.to_correct == 0:
        refuse([Action.SUGGEST], "No other picked micrograph is left to correct: pick some first")
    if s.training:
        refuse(
            [Action.TRAIN, Action.TRAIN_FROM_CLASSES],
            "A head is being trained: wait for its end, or cancel it",
        )
    if s.particles == 0:
        refuse(
            [Action.TRAIN], "There is nothing to learn from: correct a micrograph, mark it complete (key Q)"
        )
    if s.classified + s.rejected == 0:
        refuse([Action.TRAIN_FROM_CLASSES], "There are no classes to learn from: classify the picks first")
    elif s.rejected == 0:
        refuse(
            [Action.TRAIN_FROM_CLASSES],
            "No class is rejected: reject those that are no particles, a head learns from them",
        )
    elif s.classified == 0:
        refuse([Action.TRAIN_FROM_CLASSES], "All classes are rejected: undo one, no particles are left")
    if s.making:
        refuse([Action.MAKE, Action.DISCARD], "A picker is being made: wait for its end, or cancel it")
    if s.backgrounds == 0:
        refuse([Action.MAKE], "No micrograph has a pixel size: enter it in the table (Å/px)")
    if s.exporting:
        refuse([Action.EXPORT], "An export is under way")
    if not s.picks:
        refuse([Action.EXPORT], "There are no picks to export: pick first, or lower the confidence")
    if not s.folder:
        refuse([Action.EXPORT], "Choose a folder to export to first")
    return found


_FAILURES = {
    Step.PICK: "Not everything was picked: the section Pick says why",
    Step.TRAIN: "No head was trained: the section Train says why",
}
_PICKING = (Action.PICK_THIS, Action.PICK_SELECTED, Action.PICK_ALL, Action.ESTIMATE)
_HERE = (
    Action.MEASURE, Action.PICK_THIS, Action.PICK_SELECTED, Action.SHOW_MASK, Action.EDIT_MASK, Action.ADD,
    Action.MOVE, Action.ERASE, Action.UNDO, Action.REDO, Action.COMPLETE, Action.EXCLUDE,
)  # fmt: skip
_CHANGING = (
    *_PICKING, Action.IMPORT, Action.EDIT_MASK, Action.ADD, Action.MOVE, Action.ERASE, Action.UNDO,
    Action.REDO, Action.COMPLETE, Action.EXCLUDE, Action.TRAIN, Action.TRAIN_FROM_CLASSES, Action.MAKE,
    Action.DISCARD,
)  # fmt: skip


def _number(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
