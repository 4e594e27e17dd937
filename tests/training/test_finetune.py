"""From corrected files to a head with its record."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import mrcfile
import numpy as np
import pytest
import torch

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.hydra.head_record import HeadRecord
from napari_hydrapicker.hydra.network import Architecture, HydraPicker
from napari_hydrapicker.hydra.weights import Metadata, body_hash
from napari_hydrapicker.io.edited_mask import EditedMask
from napari_hydrapicker.io.micrograph import open_micrograph
from napari_hydrapicker.training.annotated_micrograph import AnnotatedMicrograph
from napari_hydrapicker.training.few_shot import FewShotParameters, FewShotProgress
from napari_hydrapicker.training.finetune import _corrected, finetune, split

NONE = np.empty((0, 2))
QUICK = FewShotParameters(steps=2, batch_size=1, crop_wpx=64, validate_every=1, memory_bytes=0)


@pytest.fixture(scope="module")
def model() -> HydraPicker:
    torch.manual_seed(0)
    return HydraPicker(Architecture(channels=4, groups=4)).eval()


@pytest.fixture
def examples(tmp_path: Path) -> list[AnnotatedMicrograph]:
    made = []
    for i in range(3):
        rng = np.random.default_rng(i)
        path = tmp_path / f"m{i}.mrc"
        with mrcfile.new(path) as mrc:
            mrc.set_data(rng.normal(size=(160, 240)).astype(np.float32))
            mrc.voxel_size = 2.0
        yx = rng.uniform(20, 140, (4 + i, 2))
        made.append(AnnotatedMicrograph(open_micrograph(path), yx, yx[:1] + 15))
    return made


def test_one_alone_is_trained_on(examples: list[AnnotatedMicrograph]) -> None:
    assert split(examples[:1]) == (examples[:1], [])


def test_the_middle_one_is_held_out(examples: list[AnnotatedMicrograph]) -> None:
    training, held = split(examples[::-1])
    assert held == [examples[1]]
    assert training == [examples[2], examples[0]]
    assert split(examples[:2])[1] == [examples[0]]  # the richer one is for training


def test_one_in_five_is_held_out_and_never_one_without_particles(examples: list[AnnotatedMicrograph]) -> None:
    training, held = split(examples * 1 + [replace(examples[i % 3]) for i in range(8)])
    assert (len(training), len(held)) == (9, 2)
    bare = replace(examples[0], yx=NONE)
    assert split([examples[0], bare]) == ([examples[0], bare], [])


def test_partial_ones_neither_calibrate_nor_judge_where_two_are_complete(
    model: HydraPicker, examples: list[AnnotatedMicrograph]
) -> None:
    partial = [replace(one, complete=False) for one in examples]
    assert split([partial[0], examples[1], examples[2]])[1] == [examples[1]]
    metadata = Metadata(calibration={"generic": (2.0, 0.5)}, thresholds={"generic": 0.3})
    result, record = finetune(model, metadata, partial, 84.0, "mine", QUICK)
    assert result.held_out
    assert result.marks_only
    assert (record.calibration, record.threshold) == ((2.0, 0.5), 0.3)
    assert record.partial
    assert record.figures_after.keys() == {"validation_marks_ap", "validation_marks_f1"}


def test_the_record_tells_how_the_head_came_to_be(
    model: HydraPicker, examples: list[AnnotatedMicrograph]
) -> None:
    metadata = Metadata(calibration={"generic": (2.0, 0.5)}, preprocessing={"whiten": 0.5})
    result, record = finetune(model, metadata, examples, 84.0, "mine", QUICK)
    assert record.name == "mine"
    assert record.parent == body_hash(model)
    assert (record.channels, record.groups) == (4, 4)
    assert record.diameter_angstrom == 84
    assert record.pixel_size_angstrom == 2
    assert record.preprocessing == {"whiten": 0.5}
    assert [(one.name, one.use, one.particles) for one in record.micrographs] == [
        ("m0", "training", 4), ("m2", "training", 6), ("m1", "validation", 5),
    ]  # fmt: skip
    assert len({one.sha256 for one in record.micrographs}) == 3
    assert record.figures_before.keys() == record.figures_after.keys() == {"validation_ap", "validation_f1"}
    assert record.training["steps"] == result.steps
    assert not record.partial
    assert HeadRecord.model_validate_json(record.model_dump_json()) == record


def test_with_one_micrograph_the_calibration_stays(
    model: HydraPicker, examples: list[AnnotatedMicrograph]
) -> None:
    metadata = Metadata(calibration={"generic": (2.0, 0.5)}, thresholds={"generic": 0.33})
    micrograph = examples[0].micrograph.with_pixel_size(4.0)
    one = [replace(examples[0], micrograph=micrograph, complete=False)]
    result, record = finetune(model, metadata, one, 168.0, "mine", QUICK)
    assert not result.held_out
    assert record.calibration == (2.0, 0.5)
    assert record.threshold == 0.33
    assert record.partial
    assert record.pixel_size_angstrom == 4
    assert record.figures_after.keys() == {"training_marks_ap", "training_marks_f1"}


@pytest.mark.parametrize("name", ["generic", "a b"])
def test_names_that_cannot_be(model: HydraPicker, examples: list[AnnotatedMicrograph], name: str) -> None:
    with pytest.raises(ParameterError, match="name"):
        finetune(model, Metadata(), examples, 84.0, name, QUICK)


def test_nothing_to_train_on(model: HydraPicker) -> None:
    with pytest.raises(ParameterError, match="no corrected micrographs"):
        finetune(model, Metadata(), [], 84.0, "mine", QUICK)


def test_a_micrograph_that_vanishes_later_does_not_cost_the_head(
    model: HydraPicker, examples: list[AnnotatedMicrograph]
) -> None:
    def report(progress: FewShotProgress) -> None:
        if progress.stage == "training":
            examples[0].micrograph.path.unlink(missing_ok=True)

    _, record = finetune(model, Metadata(), examples[:1], 42, "mine", QUICK, report=report)
    assert [use.name for use in record.micrographs] == ["m0"]
    assert not examples[0].micrograph.path.exists()


def test_what_the_user_painted_is_neither_positive_nor_negative(examples: list[AnnotatedMicrograph]) -> None:
    """All that is marked on the right of a micrograph of 160 x 240, and the background there."""
    one = replace(
        examples[0], yx=np.array([[40.0, 60.0], [100.0, 200.0]]), negative_yx=np.array([[50.0, 190.0]])
    )
    left_out = np.zeros((160, 240), np.bool_)
    left_out[:, 150:] = True
    own = replace(
        one, micrograph=replace(one.micrograph, mask=EditedMask.from_left_out(left_out, (160, 240)))
    )
    made, plain = (_corrected(example, 42.0, 0.0) for example in (own, one))
    assert made.image.shape == (160, 240)
    assert made.marks.yx.tolist() == [[40, 60]]
    assert made.marks.negative_yx.tolist() == []
    found, before = (example.marks.assignment((20, 30), 8) for example in (made, plain))
    assert bool(found.ignore[:, 20:].all())
    assert not bool(found.positive[:, 19:].any())
    assert bool(before.positive[:, 20:].any())
    assert not bool(before.ignore[3:16, 20:27].any()), "without it all of it counts"
    assert not np.isclose(made.image[:, 155:], plain.image[:, 155:]).mean() > 0.1, (
        "the network sees noise there"
    )
