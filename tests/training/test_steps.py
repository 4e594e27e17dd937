"""Parts of an optimisation step."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
import torch

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.hydra.network import Architecture, HydraPicker
from napari_hydrapicker.training import steps
from napari_hydrapicker.training.sources import Crop


class Corner:
    """One bright pixel, not in the middle, and a particle there."""

    name = "corner"

    def crop(self, rng: np.random.Generator, size: int) -> Crop:
        image = np.zeros((size, size), np.float32)
        image[3, 20] = 1
        return Crop(image, np.array([[3.0, 20]]), np.array([[25.0, 25]]))


def test_a_batch_is_turned_with_its_labels() -> None:
    images, crops = steps.batch_of(Corner(), np.random.default_rng(3), 16, 32)
    assert images.shape == (16, 1, 32, 32)
    places = {tuple(c.yx[0]) for c in crops}
    assert len(places) > 3
    for image, crop in zip(images[:, 0].numpy(), crops, strict=True):
        assert image[tuple(crop.yx[0].astype(int))] == 1


def test_the_loss_is_of_the_head_that_is_named() -> None:
    torch.manual_seed(0)
    model = HydraPicker(Architecture(channels=4, groups=4, dropout=0.0))
    with torch.no_grad():
        model.add_head("other").output.bias[0] = 2.0
    images, crops = steps.batch_of(Corner(), np.random.default_rng(0), 2, 32)
    generic, other = (steps.loss_of(model, images, crops, 4.0, head) for head in ("generic", "other"))
    assert generic.positives == other.positives > 0
    assert other.classification > 3 * generic.classification
    other.total.backward()  # type: ignore[no-untyped-call]
    assert all(w.grad is None for w in model.head().parameters())
    assert all(w.grad is not None for w in (*model.body.parameters(), *model.head("other").parameters()))


class Sure(torch.nn.Module):
    """Is sure of a particle in each of the cells (1, 1) and (4, 5) of the dense grid."""

    def forward(self, images: torch.Tensor, head: str = "generic") -> torch.Tensor:
        raw = torch.zeros(len(images), 3, 7, 7)
        raw[:, 0] = -9
        raw[:, 0, 1, 1] = raw[:, 0, 4, 5] = 2
        return raw


def test_what_is_surely_an_unlabelled_particle_is_ignored_where_labels_may_be_missing() -> None:
    image, ignored = np.zeros((64, 64), np.float32), np.array([[60.0, 60]])
    incomplete = Crop(image, np.array([[17.0, 15]]), ignored, complete=False)
    crops = [incomplete, Crop(image, incomplete.yx, ignored)]
    model = cast(HydraPicker, Sure())
    spared, complete = steps.sparing_unlabelled(model, torch.zeros(2, 1, 64, 64), crops)
    assert complete is crops[1]
    np.testing.assert_allclose(spared.ignore_yx, [[60, 60], [39.5, 47.5]], atol=1)
    np.testing.assert_array_equal(spared.yx, incomplete.yx)
    (only,) = steps.sparing_unlabelled(model, torch.zeros(1, 1, 64, 64), crops[1:])
    assert only is crops[1]


def test_shares_add_up() -> None:
    np.testing.assert_allclose(steps.shares_of([Corner()] * 3, [1, 0, 3]), [0.25, 0, 0.75])
    for sources, weights in (([], []), ([Corner()], [1.0, 1.0])):
        with pytest.raises(ParameterError, match="data set"):
            steps.shares_of(sources, weights)


def test_learning_rates() -> None:
    assert [steps.warmed_up(i, 4) for i in range(5)] == [0.25, 0.5, 0.75, 1, 1]
    assert steps.warmed_up(0, 0) == 1
    np.testing.assert_allclose([steps.annealed(i, 4) for i in (0, 2, 4, 6)], [1, 0.5, 1, 0.5])
    weight = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.SGD([{"params": [weight]}, {"params": [torch.nn.Parameter(weight.clone())]}], 1.0)
    steps.set_rate(optimiser, 0.25)
    assert [group["lr"] for group in optimiser.param_groups] == [0.25, 0.25]


def test_weights_are_laid_out_for_convolutions() -> None:
    model = steps.channels_last(HydraPicker(Architecture(channels=4, groups=4)))
    assert model.head().last[0].weight.is_contiguous(memory_format=torch.channels_last)
