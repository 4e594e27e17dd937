"""Parts of a network in the names of its tensors."""

from __future__ import annotations

import torch

from napari_hydrapicker.hydra.model import Architecture, HydraPicker
from napari_hydrapicker.hydra.parts import BODY, head_prefix, part, replaced


def test_parts_of_a_network() -> None:
    one, two = torch.zeros(1), torch.ones(2)
    tensors = {"heads.a.x": one, "heads.ab.x": two, "body.x": one}
    assert part(tensors, head_prefix("a")) == {"x": one}
    assert replaced(tensors, head_prefix("a"), {"y": two}) == {
        "heads.a.y": two, "heads.ab.x": two, "body.x": one,
    }  # fmt: skip
    assert replaced(tensors, head_prefix("ab"), {}) == {"heads.a.x": one, "body.x": one}
    assert replaced(tensors, BODY, {}).keys() == {"heads.a.x", "heads.ab.x"}


def test_body_and_heads_are_the_whole_network() -> None:
    model = HydraPicker(Architecture(channels=4, groups=4))
    model.add_head("a")
    tensors = model.state_dict()
    assert part(tensors, BODY).keys() == model.body.state_dict().keys()
    assert part(tensors, head_prefix("a")).keys() == model.head("a").state_dict().keys()
    sizes = [len(part(tensors, prefix)) for prefix in (BODY, head_prefix("generic"), head_prefix("a"))]
    assert sum(sizes) == len(tensors)
