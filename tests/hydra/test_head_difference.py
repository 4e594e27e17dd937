"""Heads as low-rank differences."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor

from napari_hydrapicker.hydra.head import Head
from napari_hydrapicker.hydra.head_difference import smallest_difference
from napari_hydrapicker.hydra.low_rank import RIGHT, restored


@pytest.fixture(scope="module")
def generic() -> Head:
    torch.manual_seed(0)
    head = Head(8, 4).eval().requires_grad_(False)
    head.output.weight.normal_(0, 0.05)
    return head


FEATURES = [torch.randn(1, 8, 32, 48, generator=torch.Generator().manual_seed(3))]


def changed(generic: Head, rank: int, size: float) -> Head:
    torch.manual_seed(1)
    head = copy.deepcopy(generic)
    for stage in (*head.early, head.last):
        weight = stage[0].weight
        factors = torch.randn(len(weight), rank), torch.randn(rank, weight[0].numel())
        weight += size * (factors[0] @ factors[1]).reshape(weight.shape)
        stage[0].bias += size * torch.randn(len(weight))
    return head


def scores(head: Head) -> Tensor:
    return torch.sigmoid(head.dense(FEATURES[0])[:, 0])


@pytest.mark.parametrize("tolerance", [1e-3, 3e-2])
def test_scores_change_by_no_more_than_the_tolerance(generic: Head, tolerance: float) -> None:
    head = changed(generic, 3, 0.003)
    tensors = smallest_difference(head, generic, FEATURES, torch.sigmoid, tolerance)
    assert tensors is not None
    again = copy.deepcopy(generic)
    again.load_state_dict(
        {
            n: t.float()
            for n, t in restored(tensors, {n: t.half() for n, t in generic.state_dict().items()}).items()
        }
    )
    assert (scores(head) - scores(generic)).abs().max() > 0.05
    assert (scores(head) - scores(again)).abs().max() <= 1.01 * tolerance
    bytes_ = {name for name, tensor in tensors.items() if tensor.dtype == torch.int8}
    assert bytes_ in (set(), {name for name in tensors if name.endswith(RIGHT)})


def test_a_larger_tolerance_takes_less_room(generic: Head) -> None:
    head = changed(generic, 6, 0.003)
    sizes = []
    for tolerance in (5e-3, 1e-1):  # far from what rounding to half precision changes
        tensors = smallest_difference(head, generic, FEATURES, torch.sigmoid, tolerance)
        assert tensors is not None
        sizes.append(sum(tensor.nbytes for tensor in tensors.values()))
    whole = sum(tensor.half().nbytes for tensor in head.state_dict().values())
    assert sizes[1] < sizes[0] < 0.2 * whole


def test_a_head_of_another_origin_is_kept_whole(generic: Head) -> None:
    torch.manual_seed(7)
    assert smallest_difference(Head(8, 4).eval(), generic, FEATURES, torch.sigmoid) is None


def test_the_generic_head_itself_takes_only_its_biases(generic: Head) -> None:
    tensors = smallest_difference(generic, generic, FEATURES, torch.sigmoid)
    assert tensors is not None
    whole = {name: tensor.half() for name, tensor in generic.state_dict().items()}
    again = restored(tensors, whole)
    assert again.keys() == whole.keys()
    assert all(torch.equal(again[name], whole[name]) for name in whole)
