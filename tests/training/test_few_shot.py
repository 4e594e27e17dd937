"""A new head learns what the corrections say, and nothing else changes."""

from __future__ import annotations

import copy
import itertools

import numpy as np
import pytest
import torch

from napari_hydrapicker.errors import OutOfMemoryError, ParameterError
from napari_hydrapicker.hydra.head import Head
from napari_hydrapicker.hydra.model import Architecture, HydraPicker
from napari_hydrapicker.hydra.weights import bundled_path, load
from napari_hydrapicker.training import few_shot
from napari_hydrapicker.training.corrections import CorrectedMicrograph, Marks
from napari_hydrapicker.training.few_shot import FewShotParameters, FewShotProgress, train_head

NONE = np.empty((0, 2))
QUICK = FewShotParameters(
    steps=30, batch_size=2, crop_wpx=96, learning_rate=1e-3, ema_decay=0.8, validate_every=10, memory_bytes=0
)


def discs(seed: int, complete: bool = True) -> CorrectedMicrograph:
    """Bright discs, marked, and dark ones, which are not (deleted on a partial micrograph)."""
    rng = np.random.default_rng(seed)
    image = rng.normal(size=(112, 192)).astype(np.float32)
    cells = rng.permutation(6 * 3)[:14]
    yx = np.stack([18 + 32 * (cells // 6), 16 + 31 * (cells % 6)], axis=1) + rng.uniform(-4, 4, (14, 2))
    rows, cols = np.mgrid[:112, :192]
    for i, (y, x) in enumerate(yx):
        image[np.hypot(rows - y, cols - x) < 9] += -3 if i % 2 else 3
    return CorrectedMicrograph(
        str(seed), image, Marks(yx[::2], NONE if complete else yx[1::2], NONE, complete)
    )


@pytest.fixture(scope="module")
def model() -> HydraPicker:
    return load(bundled_path())[0]


@pytest.fixture(scope="module")
def small() -> HydraPicker:
    """Untrained, for what does not depend on learning."""
    torch.manual_seed(0)
    return HydraPicker(Architecture(channels=8, groups=8, dropout=0.1)).eval()


def test_it_learns_which_discs_are_meant(model: HydraPicker) -> None:
    kept = copy.deepcopy(model.state_dict())
    told: list[FewShotProgress] = []
    result = train_head(model, [discs(1), discs(2)], [discs(3)], QUICK, report=told.append)
    assert result.after.ap > 0.7
    assert result.before.ap < 0.2  # the network looks for dark ones
    assert result.held_out
    assert result.better
    assert not result.cancelled
    assert not result.head.training
    assert not any(p.requires_grad for p in result.head.parameters())
    assert all(torch.equal(tensor, kept[name]) for name, tensor in model.state_dict().items())
    assert next(p.stage for p in told) == "features"
    assert told[-1].done <= told[-1].total == 30
    assert told[-1].validation_ap is not None


def test_a_partial_micrograph_teaches_by_its_marks(model: HydraPicker) -> None:
    result = train_head(model, [discs(1, False), discs(2, False)], [discs(3, False)], QUICK)
    assert result.after.ap > 0.7
    assert result.before.ap < 0.3


def test_without_held_out_micrographs_the_last_state_is_kept(small: HydraPicker) -> None:
    result = train_head(small, [discs(1)], parameters=few_shot.replace(QUICK, steps=12))
    assert result.steps == 12
    assert result.better is None
    assert not result.held_out


def test_the_same_seed_gives_the_same_head(small: HydraPicker) -> None:
    p = few_shot.replace(QUICK, steps=3)
    first, again = (train_head(small, [discs(1)], [discs(3)], p).head.state_dict() for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_training_ends_when_it_no_longer_helps(small: HydraPicker) -> None:
    p = few_shot.replace(QUICK, learning_rate=0.0, validate_every=1, patience=2)
    told: list[FewShotProgress] = []
    result = train_head(small, [discs(1)], [discs(3)], p, report=told.append)
    assert told[-1].done == 3
    assert result.steps == 1


def test_cancelling_ends_it_and_says_so(small: HydraPicker) -> None:
    steps: list[FewShotProgress] = []
    result = train_head(
        small, [discs(1)], [discs(3)], QUICK, report=steps.append,
        cancelled=lambda: bool(steps) and steps[-1].stage == "training",
    )  # fmt: skip
    assert result.cancelled
    assert steps[-1].done == 5


def test_it_can_start_from_another_head(small: HydraPicker) -> None:
    p = few_shot.replace(QUICK, steps=1, learning_rate=0.0, lambda_bias=0.0)
    other = Head(8, 8, 0.1)
    head = train_head(small, [discs(4)], parameters=p, start=other).head
    assert all(torch.equal(a, b) for a, b in zip(head.parameters(), other.parameters(), strict=True))


def test_the_bias_loss_holds_the_head_to_the_generic_one(small: HydraPicker) -> None:
    def distance(weight: float) -> float:
        p = few_shot.replace(QUICK, steps=15, lambda_bias=weight)
        head = train_head(small, [discs(1)], parameters=p).head
        pairs = zip(head.parameters(), small.head().parameters(), strict=True)
        return float(sum((a - b).detach().square().sum() for a, b in pairs))

    assert distance(30.0) < 0.8 * distance(0.0)


def test_no_marked_particle_is_refused(small: HydraPicker) -> None:
    blank = CorrectedMicrograph("m", discs(1).image, Marks(NONE, NONE, NONE, True))
    with pytest.raises(ParameterError, match="no particle is marked"):
        train_head(small, [blank], parameters=QUICK)


def test_where_memory_is_short_batches_shrink(small: HydraPicker, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[tuple[int, int]] = []
    real = few_shot.batch

    def scarce(found, rng, n, size):  # type: ignore[no-untyped-def]
        sizes.append((n, size))
        if n * size**2 > 64**2:
            raise RuntimeError("CUDA out of memory")
        return real(found, rng, n, size)

    monkeypatch.setattr(few_shot, "batch", scarce)
    train_head(small, [discs(1)], parameters=few_shot.replace(QUICK, steps=2, batch_size=4))
    assert sizes == [(4, 96), (2, 96), (1, 96), (1, 48), (1, 48)]

    def none(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(few_shot, "batch", none)
    with pytest.raises(OutOfMemoryError, match="close other programs"):
        train_head(small, [discs(1)], parameters=QUICK)


def test_the_rate_warms_up_and_falls_to_nothing() -> None:
    p = FewShotParameters(steps=100, warmup_steps=10, learning_rate=1.0)
    rates = [p.rate(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[10] == 1.0
    assert rates[99] < 1e-3
    assert all(a >= b for a, b in itertools.pairwise(rates[10:]))
