"""The CPU's bfloat16 answer, against the network's own in float32."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from napari_hydrapicker.hydra import cpu_inference, rows
from napari_hydrapicker.hydra.cpu_inference import CpuInference
from napari_hydrapicker.hydra.model import Architecture, HydraPicker

HEAD = "generic"
pytestmark = pytest.mark.skipif(
    not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="this CPU has no bfloat16 convolutions"
)


def network(channels: int = 16, groups: int = 8) -> HydraPicker:
    """A network whose every parameter matters: affine norms and an output of the order of 1."""
    torch.manual_seed(1)
    model = HydraPicker(Architecture(channels=channels, groups=groups)).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1:
                parameter.add_(0.2 * torch.randn_like(parameter))
            if name.endswith("output.weight"):
                parameter.normal_(std=0.02)
    return model


def reference(model: HydraPicker, image: torch.Tensor, half: bool = False) -> torch.Tensor:
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=half):
        raw: torch.Tensor = model(image[None, None], HEAD, dense=True)
    return raw.float()


@pytest.mark.parametrize("shape", [(64, 176), (208, 32), (32, 32)])
@pytest.mark.parametrize("strip_bytes", [1, 20_000, 2**22])
def test_the_arithmetic_is_the_network_s_own(
    shape: tuple[int, int], strip_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In float32 nothing hides behind the rounding: borders, the edges of strips, the shifted grids."""
    monkeypatch.setattr(rows, "_STRIP_BYTES", strip_bytes)
    monkeypatch.setattr(rows, "_HALF", torch.float32)
    model, image = network(), torch.randn(shape, generator=torch.Generator().manual_seed(2))
    exact, raw = reference(model, image), CpuInference(model, HEAD)(image)
    assert exact.std() > 0.5
    assert torch.allclose(raw, exact, rtol=0, atol=1e-3)


def test_rounding_is_that_of_bfloat16() -> None:
    """Up to three times for random weights; a tenth to a quarter more with the bundled network's."""
    model, image = network(), torch.randn((96, 176), generator=torch.Generator().manual_seed(2))
    exact, usual = reference(model, image), reference(model, image, half=True)
    raw = CpuInference(model, HEAD)(image)
    rounding = (usual - exact).square().mean().sqrt()
    assert raw.dtype == torch.float32
    assert (raw - exact).square().mean().sqrt() < 3 * rounding < 0.1 * exact.std()


def test_nothing_stays_of_the_image_before() -> None:
    model = network()
    inference = CpuInference(model, HEAD)
    images = [torch.randn(48, 80), torch.randn(48, 80), torch.randn(80, 48)]
    fresh = [CpuInference(model, HEAD)(image) for image in images]
    assert all(torch.equal(inference(image), raw) for image, raw in zip(images, fresh, strict=True))


def test_large_buffers_are_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    inference = CpuInference(network(), HEAD)
    inference(torch.randn(48, 80))
    assert inference._buffers.bytes() > 0
    monkeypatch.setattr(cpu_inference, "_KEPT_BYTES", 1000)
    inference(torch.randn(48, 80))
    assert inference._buffers.bytes() == 0


def test_buffers_are_given_back_where_memory_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    inference = CpuInference(network(), HEAD)
    monkeypatch.setattr(cpu_inference, "_KEPT_BYTES", 1000)

    def exhausted(*args: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(inference._first, "in_strips", exhausted)
    with pytest.raises(RuntimeError, match="can't allocate"):
        inference(torch.randn(48, 80))
    assert inference._buffers.bytes() == 0


@pytest.mark.parametrize("layout", ["transposed", "strided"])
def test_images_of_any_layout(layout: str) -> None:
    inference = CpuInference(network(), HEAD)
    image = torch.randn(80, 48).t() if layout == "transposed" else torch.randn(96, 160)[::2, ::2]
    assert torch.equal(inference(image), inference(image.contiguous()))


def test_threads_take_turns() -> None:
    inference = CpuInference(network(), HEAD)
    images = [torch.randn(shape) for shape in ((48, 80), (80, 48), (64, 64)) for _ in range(3)]
    one_by_one = [inference(image) for image in images]
    with ThreadPoolExecutor(3) as pool:
        assert all(map(torch.equal, pool.map(inference, images), one_by_one))


def test_shapes_off_the_grid_are_left_to_the_network() -> None:
    assert CpuInference.takes((32, 48))
    assert not CpuInference.takes((40, 48))
    assert not CpuInference.takes((16, 48))
