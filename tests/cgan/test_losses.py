"""The losses of the cGAN, against the formulas worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from napari_hydrapicker.cgan.networks import CrossEntropy, MeanSquared, adversarial_loss, data_loss
from napari_hydrapicker.errors import ParameterError

# tanh of these logits is 0.6 and -0.5 for true images, 0.2 and 0.8 for generated ones.
TRUE = torch.atanh(torch.tensor([0.6, -0.5]))
GENERATED = torch.atanh(torch.tensor([0.2, 0.8]))


def test_mean_squared_of_the_discriminator_is_equation_5() -> None:
    expected = (0.4**2 + 1.5**2) / 2 + (0.2**2 + 0.8**2) / 2
    assert MeanSquared().discriminator(TRUE, GENERATED).item() == pytest.approx(expected, rel=1e-5)
    perfect = MeanSquared().discriminator(torch.tensor([30.0]), torch.tensor([0.0]))
    assert perfect.item() == pytest.approx(0, abs=1e-6)


def test_mean_squared_of_the_generator_is_equation_6() -> None:
    expected = ((0.6 - 0.2) ** 2 + (-0.5 - 0.8) ** 2) / 2
    assert MeanSquared().generator(TRUE, GENERATED).item() == pytest.approx(expected, rel=1e-5)
    assert MeanSquared().generator(TRUE, TRUE).item() == 0


def test_the_generator_moves_no_score_of_true_images() -> None:
    for loss in (MeanSquared(), CrossEntropy()):
        true, generated = TRUE.clone().requires_grad_(), GENERATED.clone().requires_grad_()
        loss.generator(true, generated).backward()
        assert true.grad is None
        assert generated.grad is not None
        assert (generated.grad != 0).all()


def test_cross_entropy_takes_half_of_one_plus_the_score_as_a_probability() -> None:
    expected = -(math.log(0.8) + math.log(0.25)) / 2 - (math.log(0.4) + math.log(0.1)) / 2
    assert CrossEntropy().discriminator(TRUE, GENERATED).item() == pytest.approx(expected, rel=1e-5)
    expected = -(math.log(0.6) + math.log(0.9)) / 2
    assert CrossEntropy().generator(TRUE, GENERATED).item() == pytest.approx(expected, rel=1e-5)


def test_cross_entropy_stays_finite_where_the_score_is_saturated() -> None:
    sure = torch.tensor([40.0], requires_grad=True)
    loss = CrossEntropy().discriminator(-sure, sure)
    loss.backward()
    assert loss.item() == pytest.approx(160)
    assert sure.grad is not None
    assert sure.grad.item() == pytest.approx(4)


def test_the_data_loss_is_the_mean_absolute_difference() -> None:
    truth = torch.tensor([[[[0.0, 0.5], [1.0, 0.25]]]])
    assert data_loss(truth, truth + torch.tensor([[0.1, -0.3], [0.0, 0.2]])).item() == pytest.approx(0.15)
    assert data_loss(truth, truth).item() == 0


def test_losses_by_name() -> None:
    assert isinstance(adversarial_loss("mean-squared"), MeanSquared)
    assert isinstance(adversarial_loss("cross-entropy"), CrossEntropy)
    with pytest.raises(ParameterError, match="'hinge': choose from mean-squared, cross-entropy"):
        adversarial_loss("hinge")  # type: ignore[arg-type]
