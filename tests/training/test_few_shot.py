"""A new head learns what the corrections say, and nothing else changes."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.hydra import layers as head_module
from napari_hydrapicker.hydra.layers import ThesisHead
from napari_hydrapicker.hydra.network import Architecture, HydraPicker
from napari_hydrapicker.hydra.weights import load
from napari_hydrapicker.picking.library import bundled_path
from napari_hydrapicker.training.few_shot import (
    FewShotParameters,
    FewShotProgress,
    spared,
    split_by_area,
    train_head,
)
from napari_hydrapicker.training.labelled_image import LabelledImage, Marks

NONE = np.empty((0, 2))
QUICK = FewShotParameters(
    steps=30, batch_size=2, crop_wpx=96, learning_rate=1e-3, ema_decay=0.8, validate_every=10, memory_bytes=0
)

LONGER = replace(QUICK, steps=250, patience=100, adapt_body=False)


def discs(seed: int, complete: bool = True) -> LabelledImage:
    """Bright discs, marked, and dark ones, which are not (deleted on a partial micrograph)."""
    rng = np.random.default_rng(seed)
    image = rng.normal(size=(112, 192)).astype(np.float32)
    cells = rng.permutation(6 * 3)[:14]
    yx = np.stack([18 + 32 * (cells // 6), 16 + 31 * (cells % 6)], axis=1) + rng.uniform(-4, 4, (14, 2))
    rows, cols = np.mgrid[:112, :192]
    for i, (y, x) in enumerate(yx):
        image[np.hypot(rows - y, cols - x) < 9] += -3 if i % 2 else 3
    return LabelledImage(str(seed), image, Marks(yx[::2], NONE if complete else yx[1::2], NONE, complete))


@pytest.fixture(scope="module")
def model() -> HydraPicker:
    return load(bundled_path())[0]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> HydraPicker:
    """Untrained and narrow, for what does not depend on learning."""
    monkeypatch.setattr(head_module, "STAGE_CHANNELS", (32, 64, 64, 128))
    torch.manual_seed(0)
    return HydraPicker(Architecture(channels=8, groups=8, dropout=0.1)).eval()


def test_it_learns_which_discs_are_meant(model: HydraPicker) -> None:
    kept = copy.deepcopy(model.state_dict())
    told: list[FewShotProgress] = []
    result = train_head(model, [discs(1), discs(2)], [discs(3)], LONGER, report=told.append)
    assert result.after.ap > 0.7
    assert result.before.ap < 0.5  # the network looks for dark ones
    assert result.held_out
    assert result.better
    assert 0 < result.error < 0.2
    assert not replace(result, error=1.0).better
    assert not result.cancelled
    assert not result.head.training
    assert not any(p.requires_grad for p in result.head.parameters())
    assert all(torch.equal(tensor, kept[name]) for name, tensor in model.state_dict().items())
    assert next(p.stage for p in told) == "features"
    begun = next(p for p in told if p.stage == "training")
    assert (begun.done, begun.validation_ap) == (0, result.before.ap)
    # A second one, without the dark discs that the network is sure of, is worse.
    assert told[-1].done <= told[-1].total == 2 * LONGER.steps
    assert told[-1].validation_ap is not None


def test_a_copy_of_the_body_learns_with_the_head(model: HydraPicker) -> None:
    kept = copy.deepcopy(model.state_dict())
    result = train_head(model, [discs(1), discs(2)], [discs(3)], replace(QUICK, steps=60, patience=9))
    assert result.head.takes_images
    assert result.after.ap > result.before.ap + 0.2
    assert all(torch.equal(tensor, kept[name]) for name, tensor in model.state_dict().items())
    changed = zip(model.body.parameters(), result.head.body.parameters(), strict=True)  # type: ignore[arg-type, union-attr]
    assert not any(torch.equal(old, new) for old, new in changed)


def test_what_the_network_is_sure_of_is_no_background_unless_it_was_deleted(model: HydraPicker) -> None:
    rng = np.random.default_rng(0)
    rows, cols = np.mgrid[:128, :208]
    yx = np.array([[30.0, 30], [30, 90], [95, 60], [90, 160], [40, 150]])
    image = rng.normal(size=(128, 208)).astype(np.float32)
    for y, x in yx:
        image -= 3 * np.exp(-((rows - y) ** 2 + (cols - x) ** 2) / 49)  # flat discs look like dirt
    labelled = LabelledImage("a", image.astype(np.float32), Marks(yx[:2], yx[2:3], NONE))
    found = spared(model, labelled)
    points = found.marks.unusable_yx
    gap = np.linalg.norm(points[:, None] - yx[None], axis=-1)
    assert len(points) == 2
    assert set(gap.argmin(axis=1)) == {3, 4}
    assert gap.min(axis=1).max() < 4
    partial = replace(labelled, marks=replace(labelled.marks, complete=False))
    assert spared(model, partial) is partial


def test_a_partial_micrograph_teaches_by_its_marks(model: HydraPicker) -> None:
    partial = [discs(seed, complete=False) for seed in (1, 2, 3)]
    result = train_head(model, partial[:2], partial[2:], replace(QUICK, steps=60, patience=9))
    assert result.head.takes_images
    assert result.before.ap < 0.5
    assert result.after.ap > result.before.ap + 0.3


def test_without_held_out_micrographs_the_last_state_is_kept(small: HydraPicker) -> None:
    result = train_head(small, [discs(1)], parameters=replace(QUICK, steps=12))
    assert result.steps == 12
    assert result.better is None
    assert not result.held_out


def crowd(shape: tuple[int, int], complete: bool = True, number: int = 40) -> LabelledImage:
    rng = np.random.default_rng(3)
    yx = rng.uniform(0, 1, (number, 2)) * (np.array(shape) - 1)
    image = rng.normal(size=shape).astype(np.float32)
    return LabelledImage("crowd", image, Marks(yx, yx[:3] + 1, yx[:2] + 2, complete))


@pytest.mark.parametrize("shape", [(96, 330), (330, 96)])
def test_a_single_micrograph_is_split_across_its_longer_side(shape: tuple[int, int]) -> None:
    whole = crowd(shape)
    parts = split_by_area(whole)
    assert parts is not None
    rest, apart = parts
    axis = int(np.argmax(shape))
    cut = rest.image.shape[axis]
    assert cut % 16 == 0
    np.testing.assert_array_equal(np.concatenate([rest.image, apart.image], axis=axis), whole.image)
    moved = apart.marks.yx + (np.arange(2) == axis) * cut
    np.testing.assert_allclose(
        np.sort(np.concatenate([rest.marks.yx, moved])[:, axis]), np.sort(whole.marks.yx[:, axis])
    )
    assert 0.2 <= len(apart.marks.yx) / 40 <= 0.45
    assert apart.marks.complete


def test_what_is_not_split() -> None:
    assert split_by_area(crowd((96, 330), complete=False)) is None
    assert split_by_area(crowd((96, 330), number=12)) is None
    assert split_by_area(crowd((24, 24))) is None


def test_a_head_from_one_micrograph_is_judged_on_a_part_of_it(small: HydraPicker) -> None:
    told: list[FewShotProgress] = []
    p = replace(QUICK, steps=4, validate_every=2)
    result = train_head(small, [crowd((96, 330))], parameters=p, report=told.append)
    assert result.held_out
    assert result.by_area
    assert result.better is not None
    assert result.before.particles in range(8, 19)
    steps = [one for one in told if one.stage == "training"]
    assert {one.total for one in steps} == {8, 4 + result.steps}
    assert [one.done for one in steps] == sorted(one.done for one in steps)
    assert steps[-1].done == steps[-1].total
    alone = train_head(small, [crowd((96, 330))], [crowd((96, 330))], replace(p, steps=result.steps))
    assert not alone.by_area


def test_marks_alone_do_not_choose_the_head(small: HydraPicker) -> None:
    p = replace(QUICK, learning_rate=0.0, validate_every=1, patience=2, steps=6)
    result = train_head(small, [discs(1)], [discs(3, complete=False)], p)
    assert (result.steps, result.held_out, result.marks_only) == (6, True, True)
    assert not train_head(small, [discs(1, complete=False)], [discs(3)], replace(p, steps=1)).marks_only


def test_the_same_seed_gives_the_same_head(small: HydraPicker) -> None:
    p = replace(QUICK, steps=3)
    first, again = (train_head(small, [discs(1)], [discs(3)], p).head.state_dict() for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_training_ends_when_it_no_longer_helps(small: HydraPicker) -> None:
    p = replace(QUICK, learning_rate=0.0, validate_every=1, patience=2)
    told: list[FewShotProgress] = []
    result = train_head(small, [discs(1)], [discs(3)], p, report=told.append)
    assert told[-1].done == 3
    assert result.steps == 1


def test_cancelling_ends_it_and_says_so(small: HydraPicker) -> None:
    steps: list[FewShotProgress] = []
    result = train_head(
        small, [discs(1)], [discs(3)], QUICK, report=steps.append,
        cancelled=lambda: bool(steps) and steps[-1].stage == "training" and steps[-1].done > 0,
    )  # fmt: skip
    assert result.cancelled
    assert steps[-1].done == 5


def test_it_can_start_from_another_head(small: HydraPicker) -> None:
    p = replace(QUICK, steps=1, learning_rate=0.0, lambda_bias=0.0)
    other = ThesisHead(8, 8, 0.1)
    head = train_head(small, [discs(4)], parameters=p, start=other).head
    assert all(torch.equal(a, b) for a, b in zip(head.parameters(), other.parameters(), strict=True))


def test_the_head_is_a_blend_with_the_one_started_from(small: HydraPicker) -> None:
    other = ThesisHead(8, 8, 0.1)
    p = replace(QUICK, steps=4, validate_every=4)
    whole, half, none = (
        train_head(small, [discs(4)], parameters=replace(p, share=share), start=other).head
        for share in (1.0, 0.5, 0.0)
    )
    weights = zip(*(one.parameters() for one in (whole, half, none, other)), strict=True)
    for new, between, old, started in weights:
        torch.testing.assert_close(between, (new + started) / 2)
        assert torch.equal(old, started)
    assert not torch.equal(whole.output.weight, other.output.weight)


def test_the_bias_loss_holds_the_head_to_the_generic_one(small: HydraPicker) -> None:
    def distance(weight: float) -> float:
        p = replace(QUICK, steps=15, lambda_bias=weight)
        head = train_head(small, [discs(1)], parameters=p).head
        pairs = zip(head.parameters(), small.head().parameters(), strict=True)
        return float(sum((a - b).detach().square().sum() for a, b in pairs))

    assert distance(30.0) < 0.8 * distance(0.0)


def test_no_marked_particle_is_refused(small: HydraPicker) -> None:
    blank = LabelledImage("m", discs(1).image, Marks(NONE, NONE, NONE, True))
    with pytest.raises(ParameterError, match="no particle is marked"):
        train_head(small, [blank], parameters=QUICK)
