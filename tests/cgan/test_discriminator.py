"""The discriminator."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_hydrapicker.cgan.networks import MIN_SIZE, Discriminator
from napari_hydrapicker.errors import ParameterError


def discriminator() -> Discriminator:
    torch.manual_seed(1)
    return Discriminator(4)


def test_it_has_five_convolutions() -> None:
    assert sum(isinstance(layer, nn.Conv2d) for layer in discriminator().modules()) == 5


def test_each_image_has_one_score_the_tanh_of_its_logit() -> None:
    made = discriminator().eval()
    images, marked = torch.rand(3, 1, 48, 70), torch.rand(3, 1, 48, 70)
    with torch.no_grad():
        logit, score = made.logit(images, marked), made(images, marked)
        alone = made(images[1:2], marked[1:2])
    assert logit.shape == score.shape == (3,)
    assert torch.equal(score, torch.tanh(logit))
    assert torch.allclose(alone[0], score[1], atol=1e-6)


def test_it_looks_at_both_images() -> None:
    made = discriminator().eval()
    images, marked = torch.rand(2, 1, 48, 48), torch.rand(2, 1, 48, 48)
    with torch.no_grad():
        score = made(images, marked)
        assert not torch.allclose(score, made(images.flip(0), marked))
        assert not torch.allclose(score, made(images, marked.flip(0)))
        assert not torch.allclose(score, made(marked, images))


def test_every_part_of_an_image_counts() -> None:
    made = discriminator().eval()
    images, marked = torch.rand(1, 1, 64, 96), torch.rand(1, 1, 64, 96, requires_grad=True)
    made(images, marked).sum().backward()
    assert marked.grad is not None
    assert (marked.grad[0, 0, 4:60, 4:92] != 0).float().mean() > 0.99


def test_the_smallest_images() -> None:
    made = discriminator().eval()
    with torch.no_grad():
        smallest = torch.rand(1, 1, MIN_SIZE, MIN_SIZE)
        assert torch.isfinite(made(smallest, smallest)).all()
        with pytest.raises(ParameterError, match=str(MIN_SIZE)):
            made(smallest[..., 1:], smallest[..., 1:])


def test_images_that_do_not_belong_together_are_refused() -> None:
    made = discriminator()
    with pytest.raises(ParameterError, match=r"\(2, 1, 48, 64\)"):
        made(torch.rand(1, 1, 48, 64), torch.rand(2, 1, 48, 64))
    with pytest.raises(ParameterError, match="two batches"):
        made(torch.rand(48, 64), torch.rand(48, 64))


def test_impossible_widths() -> None:
    with pytest.raises(ParameterError, match="wide"):
        Discriminator(0)
