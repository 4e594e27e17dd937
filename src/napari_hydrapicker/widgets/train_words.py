"""What is to be said of corrections, of a new head, and of the micrograph to correct next."""

from __future__ import annotations

from collections.abc import Sequence

from napari_hydrapicker.background.messages import CorrectedRef, Trained
from napari_hydrapicker.training_set import Suggestion


def labels(corrected: Sequence[CorrectedRef]) -> str:
    """Say what there is to train on."""
    if not corrected:
        return "Correct a micrograph and mark it complete (key Q): that is enough to begin with."
    complete = sum(one.complete for one in corrected)
    particles = sum(len(one.yx) for one in corrected)
    rejected = sum(len(one.negative_yx) for one in corrected)
    text = (
        f"{complete} complete and {len(corrected) - complete} partly corrected micrographs, {particles:,} "
        f"particles, {rejected:,} deleted picks"
    )
    return (
        text if len(corrected) > 1 else f"{text}. With a second one the new head can be compared with the old"
    )


def is_better(t: Trained) -> bool:
    """Whether a head is known to be better than the one that it started from."""
    return t.held_out and t.ap_after > t.ap_before


def verdict(t: Trained, in_use: bool = False) -> str:
    """Say how a head compares with the one that it started from, what to do with it, and where it is not."""
    on = "held-out micrographs" if t.held_out else "the micrographs trained on"
    text = f"Head {t.name!r}: AP on {on} {t.ap_before:.3f} before, {t.ap_after:.3f} now"
    if is_better(t):
        text += ". It is better than the generic head"
    elif t.held_out:
        rest = ": correct more" if in_use else ", and is not in use: correct more, or try it"
        text += f". It is no better than the generic head{rest}"
    return f"{text}. {t.remark}" if t.remark else text


def reason(name: str, why: Suggestion) -> str:
    """Say why the micrograph of this name is suggested."""
    text = f"{name}: about {100 * why.errors:.0f} wrong or missing picks in 100 are to be expected here"
    if why.disagreement is None:
        return text
    return f"{text}, and {why.disagreement:.0%} of the picks are of one of the two heads only"
