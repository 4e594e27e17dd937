"""From corrected micrographs to a head that can be kept: preparing, splitting, training, describing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Final, Literal

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.hydra.head_record import (
    FIRST_BLOCKS,
    OF_MARKS,
    HeadRecord,
    MicrographUse,
    check_head_name,
)
from napari_hydrapicker.hydra.layers import Head
from napari_hydrapicker.hydra.network import GENERIC, HydraPicker
from napari_hydrapicker.hydra.weights import Metadata, body_hash
from napari_hydrapicker.imaging.prepare import prepare
from napari_hydrapicker.training.annotated_micrograph import AnnotatedMicrograph, held_out
from napari_hydrapicker.training.few_shot import FewShotParameters, FewShotProgress, FewShotResult, train_head
from napari_hydrapicker.training.labelled_image import LabelledImage
from napari_hydrapicker.training.validation import HeadScores

TRAINING: Final = "training"
VALIDATION: Final = "validation"


def split(
    examples: Sequence[AnnotatedMicrograph],
) -> tuple[list[AnnotatedMicrograph], list[AnnotatedMicrograph]]:
    """Return those to train on and those to validate on (`held_out`)."""
    chosen = held_out(examples)
    return [e for i, e in enumerate(examples) if i not in chosen], [examples[i] for i in chosen]


def finetune(
    model: HydraPicker,
    metadata: Metadata,
    examples: Sequence[AnnotatedMicrograph],
    diameter_angstrom: float,
    name: str,
    parameters: FewShotParameters | None = None,
    start: Head | None = None,
    report: Callable[[FewShotProgress], None] = lambda progress: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> tuple[FewShotResult, HeadRecord]:
    """Train a head on corrected micrographs.

    Parameters
    ----------
    model, metadata
        The network, on the device to compute on, and what its file says.
    examples
        Corrected micrographs; some are held out if there are two or more (`split`).
    diameter_angstrom
        The particle's long diameter.
    name
        Of the new head.
    parameters, start, report, cancelled
        As for `few_shot.train_head`.

    Raises
    ------
    ParameterError
        If the name cannot be a head's, there are no examples, or no particle is marked.
    MicrographError
        If a micrograph cannot be read.
    OutOfMemoryError
        If the smallest batch does not fit into memory.
    """
    check_head_name(name)
    if name == GENERIC:
        raise ParameterError(f"{GENERIC!r} is the name of the network's own head; choose another name")
    if not examples:
        raise ParameterError("there are no corrected micrographs to train on")
    p = parameters or FewShotParameters()
    whiten = float(metadata.preprocessing.get("whiten", 0.0))  # type: ignore[arg-type]

    def corrected(some: Sequence[AnnotatedMicrograph]) -> list[LabelledImage]:
        return [_corrected(e, diameter_angstrom, whiten) for e in some if not cancelled()]

    training, held = split(examples)
    # Before the training: a file that is gone when it ends shall not cost the head.
    uses = [_use(e, TRAINING) for e in training] + [_use(e, VALIDATION) for e in held]
    result = train_head(model, corrected(training), corrected(held), p, start, report, cancelled)
    prior = metadata.calibration.get(GENERIC, (1.0, 0.0))
    calibration = result.after.calibration(prior) if result.conclusive else prior
    default = metadata.thresholds.get(GENERIC, 0.5)
    sizes = {e.micrograph.pixel_size_angstrom for e in examples}
    record = HeadRecord(
        name=name,
        diameter_angstrom=diameter_angstrom,
        pixel_size_angstrom=sizes.pop() if len(sizes) == 1 else None,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        parent=body_hash(model),
        own_body=result.head.takes_images,
        format_version=_format_version(model, result.head),
        **model.architecture.model_dump(),
        preprocessing=metadata.preprocessing,
        calibration=calibration,
        threshold=result.after.threshold(calibration, default) if result.conclusive else default,
        micrographs=tuple(uses),
        figures_before=_figures(result, result.before),
        figures_after=_figures(result, result.after),
        training={
            "steps": result.steps,
            "seconds": round(result.seconds, 1),
            "parameters": asdict(p),
            "ap_error": round(result.error, 4),
        },
        partial=not all(e.complete for e in examples),
    )
    return result, record


def _corrected(example: AnnotatedMicrograph, diameter_angstrom: float, whiten: float) -> LabelledImage:
    prepared = prepare(example.micrograph, diameter_angstrom)
    return LabelledImage.from_prepared(
        example.micrograph.name, prepared, example.yx, example.negative_yx, example.complete, whiten
    )


def _format_version(model: HydraPicker, head: Head) -> Literal[1, 2, 3]:
    """The oldest format that can say how the head is built."""
    if model.architecture.blocks != FIRST_BLOCKS:
        return 3
    return 2 if head.takes_images else 1


def _figures(result: FewShotResult, scores: HeadScores) -> dict[str, float]:
    """AP and F1 under names that say what they were measured on: on marks alone they say little."""
    on = (VALIDATION if result.held_out else TRAINING) + (OF_MARKS if result.marks_only else "")
    return {f"{on}_ap": round(scores.ap, 4), f"{on}_f1": round(scores.f1, 4)}


def _use(example: AnnotatedMicrograph, use: Literal["training", "validation"]) -> MicrographUse:
    micrograph = example.micrograph
    return MicrographUse(
        name=micrograph.name, sha256=micrograph.checksum(), use=use, particles=len(example.yx)
    )
