"""How well several heads do on the same images: the body's features are computed once for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from napari_hydrapicker.evaluation.matching import Criterion, match
from napari_hydrapicker.hydra.anchors import BOX_WPX
from napari_hydrapicker.hydra.device import precision
from napari_hydrapicker.hydra.model import GENERIC, HydraPicker
from napari_hydrapicker.training.head_validation import HeadScores, together
from napari_hydrapicker.training.sources import Crop
from napari_hydrapicker.training.validation import read_answer


@dataclass(frozen=True)
class MultiHeadAP:
    """Average precision at box IoU 0.6 of all heads.

    Attributes
    ----------
    generic
        Of the generic head on the images that are there for it, those of unseen particles, or without
        such on those of all data sets together.
    specialised
        Of each head on the held-out images of its own data set; data sets without such are left out.
    generic_there
        Of the generic head on the same images.
    """

    generic: float
    specialised: dict[str, float]
    generic_there: dict[str, float]

    @property
    def overall(self) -> float:
        """Mean of the generic head's AP and the specialised heads' mean AP: the best state has most of it."""
        if not self.specialised:
            return self.generic
        return (self.generic + sum(self.specialised.values()) / len(self.specialised)) / 2


def score_heads(model: HydraPicker, crops: Sequence[Crop], heads: Sequence[str]) -> dict[str, HeadScores]:
    """Pick all crops with each of the heads, and compare with their labels."""
    found: dict[str, list[HeadScores]] = {name: [] for name in heads}
    device = next(model.parameters()).device
    model.eval()
    for crop in crops:
        image = torch.from_numpy(crop.image)[None, None].to(device)
        with torch.inference_mode(), precision(device):
            features = model.features(image.contiguous(memory_format=torch.channels_last))
            answers = {name: model.head(name).dense(features).float() for name in heads}
        for name, raw in answers.items():
            centres, logits = read_answer(raw, crop.image.shape, crop.yx, crop.ignore_yx)
            matched = match(centres, logits, crop.yx, BOX_WPX, Criterion.IOU)
            found[name].append(HeadScores(logits, matched.is_true, len(crop.yx)))
    return {name: together(scores) for name, scores in found.items()}


def score_all(
    model: HydraPicker, validation: Mapping[str, Sequence[Crop]]
) -> dict[str, dict[str, HeadScores]]:
    """Scores on each data set's held-out images: of the generic head, and of its own if it has one.

    Parameters
    ----------
    validation
        Held-out images by head; under "generic" those of particles that no head is for.

    Returns
    -------
    dict
        By data set, then by head. Data sets without images are left out.
    """
    return {
        name: score_heads(model, crops, [GENERIC] if name == GENERIC else [GENERIC, name])
        for name, crops in validation.items()
        if crops
    }


def generic_scores(scores: Mapping[str, Mapping[str, HeadScores]]) -> HeadScores:
    """Of `score_all`, the generic head's on unseen particles, or without such on all data sets together."""
    own = scores.get(GENERIC)
    return own[GENERIC] if own else together([one[GENERIC] for one in scores.values()])


def average_precisions(scores: Mapping[str, Mapping[str, HeadScores]]) -> MultiHeadAP:
    """The average precisions of `score_all`."""
    sets = {name: one for name, one in scores.items() if name != GENERIC}
    return MultiHeadAP(
        generic_scores(scores).ap,
        {name: one[name].ap for name, one in sets.items()},
        {name: one[GENERIC].ap for name, one in sets.items()},
    )
