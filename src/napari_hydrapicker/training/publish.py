"""From a trained network to the file that is picked with: calibrated scores and thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import JsonValue

from napari_hydrapicker.hydra.network import GENERIC, HydraPicker
from napari_hydrapicker.hydra.weights import Metadata, save
from napari_hydrapicker.training.sources import WHITEN_STRENGTH, Crop
from napari_hydrapicker.training.validation import (
    average_precisions,
    calibrate,
    generic_scores,
    inclusive_threshold,
    merged,
    score_all,
    score_heads,
)

NO_THRESHOLD = 0.5  # where nothing is held out


def publish(
    model: HydraPicker,
    validation: Mapping[str, Sequence[Crop]],
    path: Path,
    provenance: Mapping[str, JsonValue],
    complete: Sequence[Crop] = (),
) -> Metadata:
    """Calibrate every head on its held-out images, choose its threshold, and save.

    The threshold of a specialised head is that of the best F1 on its images, that of the generic head
    `inclusive_threshold`. A head without held-out images is given the generic head's.

    Parameters
    ----------
    model
        Any network; it is brought to the CPU.
    validation
        Held-out images by head, as for `train_multi_head`; of heads that the network has not they do
        not count.
    path
        File to write.
    provenance
        What to say of the training; the average precisions are added.
    complete
        Held-out images on which every particle is known, on which the generic head's scores are calibrated:
        where labels lack particles, it would learn to doubt what is right. By default those of
        `validation`.

    Returns
    -------
    Metadata
        What was written.

    Raises
    ------
    WeightsError
        If the file cannot be written, or the network diverged.
    """
    there = {name: crops for name, crops in validation.items() if name in model.head_names}
    scores = score_all(model, there)
    general = generic_scores(scores)
    images = [score_heads(model, [crop], [GENERIC])[GENERIC] for crop in complete]
    known = merged(images) if complete else general
    calibration = {GENERIC: calibrate(known.logits, known.truth)}
    inclusive = inclusive_threshold(images, calibration[GENERIC])
    thresholds = {GENERIC: inclusive or general.threshold(calibration[GENERIC], NO_THRESHOLD)}
    for name in model.head_names[1:]:
        own = scores[name][name] if name in scores else merged([])
        calibration[name] = own.calibration(calibration[GENERIC])
        thresholds[name] = own.threshold(calibration[name], thresholds[GENERIC])
    ap = average_precisions(scores)
    figures: dict[str, JsonValue] = {GENERIC: ap.generic, **ap.specialised}
    meta = Metadata(
        heads=model.head_names, calibration=calibration, thresholds=thresholds,
        preprocessing={"whiten": WHITEN_STRENGTH}, training={**provenance, "validation_ap": figures},
    )  # fmt: skip
    model = model.cpu().float().eval()
    return save(model, path, meta)
