"""A head is held to another one's answer where nobody has said what is there."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from napari_hydrapicker.hydra.anchors import Assignment, assign
from napari_hydrapicker.training.head_trainer import distillation_loss

STRIDE = 8
SHAPE = (5, 9)


@pytest.fixture
def labels() -> list[Assignment]:
    """A particle in each of two images; all but four cells around it are ignored."""
    made = []
    for yx in ([[20.0, 40.0]], [[30.0, 12.0]]):
        found = assign(torch.tensor(yx), SHAPE, STRIDE)
        made.append(Assignment(found.positive, found.target_yx, found.index, ~found.positive))
    return made


def answers(seed: int) -> Tensor:
    return torch.randn((2, 3, *SHAPE), generator=torch.Generator().manual_seed(seed))


def test_the_same_answer_costs_nothing_and_pulls_nowhere(labels: list[Assignment]) -> None:
    raw = answers(0).requires_grad_()
    loss = distillation_loss(raw, answers(0), labels, STRIDE)
    assert float(loss.detach()) == pytest.approx(0, abs=1e-6)
    loss.backward()  # type: ignore[no-untyped-call]
    assert raw.grad is not None
    torch.testing.assert_close(raw.grad[:, 0], torch.zeros_like(raw.grad[:, 0]), atol=1e-6, rtol=0)


def test_it_pulls_towards_the_reference_where_cells_are_ignored_and_only_there(
    labels: list[Assignment],
) -> None:
    raw, reference = answers(0).requires_grad_(), answers(1).requires_grad_()
    distillation_loss(raw, reference, labels, STRIDE).backward()  # type: ignore[no-untyped-call]
    assert reference.grad is None
    assert raw.grad is not None
    ignored = torch.stack([one.ignore for one in labels])
    assert not raw.grad.permute(0, 2, 3, 1)[~ignored].any()
    down = -raw.grad[:, 0][ignored]
    wanted = (reference - raw).detach()[:, 0][ignored]
    assert torch.equal(down.sign(), wanted.sign())
    assert raw.grad[:, 1:].permute(0, 2, 3, 1)[ignored].all()


def test_it_is_of_hand_computed_size() -> None:
    # One of 2 x 3 cells counts: probability 1/2 there, 3/4 in training; centres 12 tanh(0.1) rows apart.
    raw, reference = torch.zeros(1, 3, 2, 3), torch.zeros(1, 3, 2, 3)
    raw[0, 0, 1, 2] = float(torch.tensor(3.0).log())
    raw[0, 1, 1, 2] = 0.1
    raw[0, 0, 0, 1] = 5.0
    ignore = torch.zeros(2, 3, dtype=torch.bool)
    ignore[1, 2] = True
    nobody = assign(torch.empty(0, 2), (2, 3), STRIDE)
    one = Assignment(nobody.positive, nobody.target_yx, nobody.index, ignore)
    divergence = float(torch.tensor(4 / 3).log()) / 2
    expected = divergence + 0.5 * float(torch.tensor(0.1).tanh())  # over 1, though 1/2 a particle is expected
    assert float(distillation_loss(raw, reference, [one], STRIDE)) == pytest.approx(expected, rel=1e-5)


def test_it_is_for_each_particle_that_the_reference_expects(labels: list[Assignment]) -> None:
    raw, reference = answers(0), answers(1)
    twice = [*labels, *labels]
    one = distillation_loss(raw, reference, labels, STRIDE)
    both = distillation_loss(raw.repeat(2, 1, 1, 1), reference.repeat(2, 1, 1, 1), twice, STRIDE)
    torch.testing.assert_close(one, both)
