"""One step of a head's training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_hydrapicker.errors import OutOfMemoryError
from napari_hydrapicker.hydra import layers as head_module
from napari_hydrapicker.hydra.layers import Head, ThesisHead
from napari_hydrapicker.training import head_trainer
from napari_hydrapicker.training.features import Window
from napari_hydrapicker.training.head_trainer import FewShotParameters, HeadTrainer
from napari_hydrapicker.training.labelled_image import Marks

P = FewShotParameters(
    steps=20, batch_size=2, crop_wpx=64, learning_rate=1e-3, warmup_steps=0, ema_decay=0.5, lambda_bias=0.0
)
NONE = np.empty((0, 2))


@pytest.fixture
def window() -> Window:
    """Features that are raised at particles, on a rectangle."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(8, 96, 160)).astype(np.float32)
    yx = np.array([[20.0, 24.0], [70.0, 60.0], [40.0, 130.0]])
    rows, cols = np.mgrid[:96, :160]
    for y, x in yx:
        features[:, np.hypot(rows - y, cols - x) < 8] += 3
    return Window("m", torch.from_numpy(features).bfloat16(), Marks(yx, NONE, NONE))


@pytest.fixture
def generic(monkeypatch: pytest.MonkeyPatch) -> Head:
    """Untrained and narrow."""
    monkeypatch.setattr(head_module, "STAGE_CHANNELS", (32, 64, 64, 128))
    torch.manual_seed(0)
    return ThesisHead(8, 8, 0.1).eval().requires_grad_(False)


def flat(head: Head) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in head.parameters()])


@pytest.mark.parametrize("half", [True, False], ids=["bfloat16", "float32"])
def test_the_loss_falls_and_the_heads_given_stay(
    generic: Head, window: Window, half: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On CPUs that compute in bfloat16, and on those that do not."""
    monkeypatch.setattr("napari_hydrapicker.hydra.device.cpu_has_bfloat16", lambda: half)
    kept = flat(generic)
    trainer = HeadTrainer(generic, generic, [window], P)
    losses = [trainer.step(number) for number in range(20)]
    assert np.mean(losses[-4:]) < 0.8 * np.mean(losses[:4])
    assert torch.equal(flat(generic), kept)
    assert not torch.equal(flat(trainer.head), kept)


def test_without_marks_a_partial_window_keeps_the_generic_answer(generic: Head, window: Window) -> None:
    marks = replace(window.marks, yx=window.marks.yx[:1], complete=False)
    partial = replace(window, marks=marks)
    moved = {}
    for weight in (0.0, 2.0):
        trainer = HeadTrainer(generic, generic, [partial], replace(P, lambda_anchor=weight))
        for number in range(20):
            trainer.step(number)
        features = window.features[None].float()
        with torch.no_grad():
            before, after = (one.dense(features) for one in (generic, trainer.head.eval()))
        free = marks.assignment((before.shape[2], before.shape[3]), 8).ignore
        moved[weight] = float((after - before)[0, 0][free].abs().mean())
    assert moved[2.0] < 0.7 * moved[0.0]


def test_a_complete_window_is_not_held_to_the_generic_answer(generic: Head, window: Window) -> None:
    heads = []
    for weight in (0.0, 2.0):
        trainer = HeadTrainer(generic, generic, [window], replace(P, lambda_anchor=weight))
        trainer.step(0)
        heads.append(flat(trainer.head))
    assert torch.equal(*heads)


def test_the_mean_follows_the_head(generic: Head, window: Window) -> None:
    trainer = HeadTrainer(generic, generic, [window], P)
    mean = flat(trainer.mean)
    for number in range(5):
        trainer.step(number)
        decay = min(P.ema_decay, (1 + number) / (10 + number))
        mean = decay * mean + (1 - decay) * flat(trainer.head)
        torch.testing.assert_close(flat(trainer.mean), mean)
    assert not trainer.mean.training
    assert trainer.head.training


def test_where_memory_is_short_batches_shrink(
    generic: Head, window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[tuple[int, int]] = []
    real = head_trainer.batch

    def scarce(found, rng, n, size):  # type: ignore[no-untyped-def]
        sizes.append((n, size))
        if n * size**2 > 64**2:
            raise RuntimeError("CUDA out of memory")
        return real(found, rng, n, size)

    monkeypatch.setattr(head_trainer, "batch", scarce)
    trainer = HeadTrainer(generic, generic, [window], replace(P, batch_size=4, crop_wpx=96))
    for number in range(2):
        trainer.step(number)
    assert sizes == [(4, 96), (2, 96), (1, 96), (1, 48), (1, 48)]

    def none(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(head_trainer, "batch", none)
    with pytest.raises(OutOfMemoryError, match="close other programs"):
        trainer.step(2)


def test_memory_may_run_out_while_the_optimiser_is_set_up(
    generic: Head, window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []
    real = torch.zeros_like

    def scarce(*given: object, **named: object) -> torch.Tensor:
        calls.append(given)
        if len(calls) == 4:  # the second weight has its first moment, and not yet its second
            raise RuntimeError("CUDA out of memory")
        return real(*given, **named)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(torch, "zeros_like", scarce)
    trainer = HeadTrainer(generic, generic, [window], P)
    trainer.step(0)
    assert len(calls) > 4
    assert not torch.equal(flat(trainer.head), flat(generic))
