"""The generator."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from napari_hydrapicker.cgan.networks import STRIDES, Generator
from napari_hydrapicker.errors import ParameterError


def generator(width: int = 2) -> Generator:
    torch.manual_seed(3)
    made = Generator(width)
    nn.init.normal_(made.last.weight)  # as if it had learnt something
    return made


def layers(made: Generator) -> list[nn.Module]:
    """Layers 1 to 18."""
    return [*made.encoder, *made.decoder, made.last]


def outputs(made: Generator, images: Tensor) -> list[Tensor]:
    """What each layer gives for a batch."""
    seen: list[Tensor] = []
    hooks = [
        layer.register_forward_hook(lambda _layer, _given, answer: seen.append(answer))
        for layer in layers(made)
    ]
    with torch.no_grad():
        made(images)
    for hook in hooks:
        hook.remove()
    return seen


def test_there_are_nine_layers_down_and_nine_up() -> None:
    made = generator()
    assert (len(made.encoder), len(made.decoder)) == (9, 8)  # and the last
    for layer in layers(made)[:-1]:
        kinds = [type(part) for part in layer]  # type: ignore[attr-defined]
        assert issubclass(kinds[0], (nn.Conv2d, nn.ConvTranspose2d))
        assert kinds[1:] == [nn.BatchNorm2d, nn.ReLU]


def test_layer_i_is_joined_to_layer_19_minus_i() -> None:
    made = generator().eval()
    answers = outputs(made, torch.rand(1, 1, 48, 80))
    given: list[Tensor] = []
    for layer in layers(made):
        layer.register_forward_pre_hook(lambda _layer, args: given.append(args[0]))
    outputs(made, torch.rand(1, 1, 48, 80))  # other hooks see another image: only shapes are compared
    for i in range(1, 9):
        joined = given[19 - i - 1]
        assert joined.shape[2:] == answers[i - 1].shape[2:] == answers[19 - i - 2].shape[2:]
        assert joined.shape[1] == answers[i - 1].shape[1] + answers[19 - i - 2].shape[1]
    assert given[10 - 1].shape == answers[9 - 1].shape, "layer 10 is given that of layer 9 alone"


def test_what_a_layer_gives_reaches_its_partner_unchanged() -> None:
    made = generator().eval()
    given: list[Tensor] = []
    for layer in layers(made):
        layer.register_forward_pre_hook(lambda _layer, args: given.append(args[0].clone()))
    answers = outputs(made, torch.rand(1, 1, 32, 64))
    for i in range(1, 9):
        channels = answers[i - 1].shape[1]
        assert torch.equal(given[19 - i - 1][:, -channels:], answers[i - 1])


def test_the_output_is_the_input_less_the_residual() -> None:
    made = generator().eval()
    images = torch.rand(2, 1, 32, 48)
    with torch.no_grad():
        residual = made.residual(images)
        assert torch.equal(made(images), images - residual)
    assert residual.abs().max() > 0.1


def test_a_new_one_marks_nothing() -> None:
    images = torch.rand(2, 1, 32, 48)
    assert torch.equal(Generator(2)(images), images)


@pytest.mark.parametrize("shape", [(1, 1), (5, 70), (33, 47), (100, 64), (250, 31)])
def test_any_size_keeps_its_shape(shape: tuple[int, int]) -> None:
    with torch.no_grad():
        assert generator().eval()(torch.rand(1, 1, *shape)).shape == (1, 1, *shape)


def test_padding_leaves_the_image_in_its_place() -> None:
    made = generator().eval()
    whole = torch.rand(1, 1, 320, 480)
    with torch.no_grad():
        part = made.residual(whole[..., :311, :473])
        full = made.residual(whole)
    near = (slice(None), slice(None), slice(0, 120), slice(0, 200))  # far from what was cut off
    assert torch.allclose(part[near], full[near], atol=1e-5)
    assert not torch.allclose(part[..., -20:, -20:], full[..., 291:311, 453:473], atol=1e-5)


def test_marks_move_with_the_image() -> None:
    made = generator().eval()
    step = 16
    image = torch.rand(1, 1, 320, 400)
    with torch.no_grad():
        moved = made.residual(image.roll((step, 2 * step), (2, 3)))
        expected = made.residual(image).roll((step, 2 * step), (2, 3))
    inner = (slice(None), slice(None), slice(150, 180), slice(180, 220))
    assert torch.allclose(moved[inner], expected[inner], atol=1e-5)


def test_half_precision_gives_float32() -> None:
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        assert generator().eval()(torch.rand(1, 1, 32, 32)).dtype == torch.float32


def test_gradients_reach_every_layer() -> None:
    made = generator()
    made(torch.rand(2, 1, 64, 48)).square().sum().backward()
    for name, weight in made.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


def test_strides_come_to_the_multiple() -> None:
    smallest = outputs(generator().eval(), torch.rand(1, 1, 160, 320))[8]
    product = 1
    for stride in STRIDES:
        product *= stride
    assert smallest.shape[2:] == (160 // product, 320 // product)


@pytest.mark.parametrize("shape", [(1, 32, 32), (1, 2, 32, 32), (1, 1, 0, 32)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ParameterError, match="the generator takes"):
        generator()(torch.zeros(shape))


@pytest.mark.parametrize("width", [0, -1, 1000])
def test_impossible_widths(width: int) -> None:
    with pytest.raises(ParameterError, match="wide"):
        Generator(width)
