"""Heads on the straight line from one head to another, in the space of their weights.

A head trained on a few micrographs knows their protein better, and has forgotten some of what the head that
it started from learnt from many. Heads between the two keep much of both: on the line the error is often
below that at either end (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022, section 3).
"""

from __future__ import annotations

import copy

import torch

from napari_hydrapicker.hydra.head import Head


def blended(first: Head, second: Head, share: float) -> Head:
    """Return a new head whose weights are ``(1 - share) * first + share * second``.

    Parameters
    ----------
    first, second
        Heads of one architecture; they stay as they are. In all but its weights the new one is as the second.
    share
        0 gives the first head's weights, 1 the second's, bit for bit.
    """
    made = copy.deepcopy(second)
    with torch.no_grad():
        for weight, begun in zip(made.parameters(), first.parameters(), strict=True):
            weight.copy_(torch.lerp(begun, weight, share))
    return made
