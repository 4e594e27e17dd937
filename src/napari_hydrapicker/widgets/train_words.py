"""What is to be said of corrections, of a new head, and of the micrograph to correct next."""

from __future__ import annotations

from collections.abc import Sequence

from napari_hydrapicker.background.messages import CorrectedRef, Trained
from napari_hydrapicker.training.holding_out import MARKS_DO_NOT_TELL, is_gain
from napari_hydrapicker.training_set import Suggestion

_FEW = 3  # names that fit


def labels(corrected: Sequence[CorrectedRef], held_out: Sequence[str] = ()) -> str:
    """Say what there is to train on, what of it counts, and which micrographs are to judge the head."""
    if not corrected:
        return "Correct a micrograph and mark it complete (key Q): that is enough to begin with."
    kinds = [
        f"{len(some)} {word}: {_counted(some)}"
        for word, some in (
            ("complete", [one for one in corrected if one.complete]),
            ("corrected in part", [one for one in corrected if not one.complete]),
        )
        if some
    ]
    sentences = ["; ".join(kinds)]
    if not all(one.complete for one in corrected):
        sentences.append("In part, only what you added, moved or deleted counts")
    if not any(one.yx for one in corrected):
        sentences.append("No particle yet to learn from: add or move some, or complete a micrograph (key Q)")
    elif held_out:
        more = f" and {len(held_out) - _FEW} more" if len(held_out) > _FEW else ""
        sentences.append(f"Held out, to judge the new head: {', '.join(held_out[:_FEW])}{more}")
    else:
        sentences.append("None is held out to judge the new head: that takes a second one with particles")
    return ". ".join(sentences)


def _counted(some: Sequence[CorrectedRef]) -> str:
    particles, deleted = sum(len(one.yx) for one in some), sum(len(one.negative_yx) for one in some)
    return f"{_number(particles, 'particle')}, {_number(deleted, 'deleted pick')}"


def _number(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def is_better(t: Trained) -> bool:
    """Whether a head is known to be better than the one that it started from: by more than chance.

    Marks alone do not tell: most of them are the other head's mistakes.
    """
    return t.held_out and not t.marks_only and is_gain(t.ap_before, t.ap_after, t.ap_error)


def verdict(t: Trained, in_use: bool = False) -> str:
    """Say how a head compares with the one that it started from, what to do with it, and where it is not."""
    on = "held-out micrographs" if t.held_out else "the micrographs trained on"
    marks = "the marks of " if t.marks_only else ""
    text = f"Head {t.name!r}: AP on {marks}{on} {t.ap_before:.3f} before, {t.ap_after:.3f} now"
    if is_better(t):
        text += ". It is better than the generic head"
    elif t.marks_only:
        rest = "look at its picks" if in_use else "use it and look"
        text += f". {MARKS_DO_NOT_TELL.format(rest)}"
    elif t.held_out:
        rest = ": correct more" if in_use else ", and is not in use: correct more, or try it"
        chance = f", a difference that may be chance (±{t.ap_error:.3f})" if t.ap_after > t.ap_before else ""
        text += f"{chance}. It is {'not surely' if chance else 'no'} better than the generic head{rest}"
    return f"{text}. {t.remark}" if t.remark else text


def reason(name: str, why: Suggestion) -> str:
    """Say why the micrograph of this name is suggested."""
    text = f"{name}: about {100 * why.errors:.0f} wrong or missing picks in 100 are to be expected here"
    if why.disagreement is None:
        return text
    return f"{text}, and {why.disagreement:.0%} of the picks are of one of the two heads only"
