"""The compact network: its grid, its reach, and that it looks at nothing but its surroundings."""

from __future__ import annotations

import pytest
import torch

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.hydra.layers import ChannelNorm, CompactBody, CompactHead
from napari_hydrapicker.hydra.network import Architecture, HydraPicker
from napari_hydrapicker.picking.hydra import MARGIN_WPX


def woken(made: HydraPicker) -> HydraPicker:
    """Give weights to the convolutions that begin at zero, and would hide what a block sees."""
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if name.endswith("conv2.weight"):
                weight.normal_(std=0.05)
    return made.eval()


@pytest.fixture(params=[(1, 3, 2), (1, 5, 3)], ids=["first", "deeper"])
def model(request: pytest.FixtureRequest) -> HydraPicker:
    torch.manual_seed(4)
    return woken(HydraPicker(Architecture.compact(8, blocks=request.param)))


@pytest.mark.parametrize(("rows", "cols"), [(96, 160), (16, 48), (272, 208)])
@torch.no_grad()
def test_shapes(model: HydraPicker, rows: int, cols: int) -> None:
    features = model.features(torch.randn(2, 1, rows, cols))
    assert features.shape == (2, 32, rows // 8, cols // 8)
    assert model(torch.randn(2, 1, rows, cols)).shape == (2, 3, rows // 8, cols // 8)


def test_size() -> None:
    parameters = sum(p.numel() for p in HydraPicker(Architecture.compact()).parameters())
    assert sum(p.numel() for p in CompactBody().parameters()) < 2_500_000
    assert 2 * sum(p.numel() for p in CompactHead().parameters()) < 3_000_000  # bytes of a head's file
    assert parameters < 4_000_000


@torch.no_grad()
def test_starts_as_background_everywhere() -> None:
    torch.manual_seed(0)
    raw = HydraPicker(Architecture.compact(8)).eval()(torch.randn(1, 1, 64, 96))
    assert (raw[:, 0] + 4).abs().max() < 0.6
    assert raw[:, 1:].abs().max() < 0.6


@torch.no_grad()
def test_the_norm_is_of_each_place() -> None:
    norm = ChannelNorm(6)
    maps = 5 * torch.randn(2, 6, 7, 9) + 3
    made = norm(maps)
    assert made.shape == maps.shape
    torch.testing.assert_close(made.mean(dim=1), torch.zeros(2, 7, 9), atol=1e-5, rtol=0)
    torch.testing.assert_close(made[..., 2:3, 4:5], norm(maps[..., 2:3, 4:5]))


def test_a_cell_sees_around_its_own_centre(model: HydraPicker) -> None:
    image = torch.randn(1, 1, 352, 320).requires_grad_()
    model(image)[0, :, 22, 19].sum().backward()
    assert image.grad is not None
    seen = torch.nonzero(image.grad[0, 0].abs() > 0).float()
    middle = (seen.amin(0) + seen.amax(0)) / 2
    assert ((middle - torch.tensor([7.5 + 8 * 22, 7.5 + 8 * 19])).abs() <= 1).all()
    assert (seen.amax(0) - seen.amin(0) + 1 <= 2 * MARGIN_WPX).all()


@torch.no_grad()
def test_what_is_far_away_has_no_influence(model: HydraPicker) -> None:
    image = torch.randn(1, 1, 416, 320)
    spoilt = image.clone()
    spoilt[..., :96, :] = 50
    difference = (model(spoilt) - model(image)).abs().amax(dim=(0, 1, 3))
    assert difference[:12].max() > 0.1
    assert (difference[(96 + MARGIN_WPX) // 8 :] < 1e-4).all()


@torch.no_grad()
def test_the_last_row_and_column_answer_too(model: HydraPicker) -> None:
    image = torch.randn(1, 1, 96, 128)
    changed = image.clone()
    changed[..., -8:, -8:] += 3
    assert (model(changed) - model(image))[0, 0, -1, -1].abs() > 1e-3


def test_all_of_it_can_be_trained(model: HydraPicker) -> None:
    model(torch.randn(2, 1, 64, 48)).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@torch.no_grad()
def test_a_deeper_network_answers_as_before_and_has_more_to_learn() -> None:
    torch.manual_seed(5)
    first = woken(HydraPicker(Architecture.compact(8)))
    deeper = first.deeper((2, 5, 3)).eval()
    image = torch.randn(1, 1, 96, 128)
    assert torch.equal(deeper(image), first(image))
    assert deeper.architecture == Architecture.compact(8, blocks=(2, 5, 3))
    assert len(list(deeper.parameters())) - len(list(first.parameters())) == 4 * 6
    woken(deeper)
    assert not torch.equal(deeper(image), first(image))


def test_what_cannot_be_made_deeper() -> None:
    compact = HydraPicker(Architecture.compact(8))
    with pytest.raises(ParameterError, match=r"has \(1, 3, 2\) residual blocks. Give as many or more"):
        compact.deeper((1, 2, 4))
    compact.add_head("mine")
    for model in (compact, HydraPicker(Architecture(channels=4, groups=4))):
        with pytest.raises(ParameterError, match="Only a compact network with the generic head alone"):
            model.deeper((2, 4, 4))


@torch.no_grad()
def test_features_near_a_window_need_no_more_than_the_context() -> None:
    for blocks in ((1, 3, 2), (1, 5, 3)):
        architecture = Architecture.compact(8, blocks=blocks)
        torch.manual_seed(6)
        body, context = woken(HydraPicker(architecture)).body, architecture.context_wpx
        image = torch.randn(1, 1, 400, 320)
        spoilt = image.clone()
        spoilt[..., :96, :] = 50
        difference = (body(spoilt) - body(image)).abs().amax(dim=(0, 1, 3))
        assert (difference[(96 + context) // 8 :] < 1e-4).all()
