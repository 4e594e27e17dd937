"""Generators on disk."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import safetensors.torch
import torch
from pydantic import ValidationError

from napari_hydrapicker.cgan import weights
from napari_hydrapicker.cgan.localise import LocaliseParameters
from napari_hydrapicker.cgan.networks import Generator
from napari_hydrapicker.cgan.weights import GeneratorMetadata
from napari_hydrapicker.errors import WeightsError
from napari_hydrapicker.io import safetensors as container

META = GeneratorMetadata(
    calibration=(8.0, 0.5, -4.5), threshold=0.25, loss="cross-entropy", marker_wpx=9, training={"steps": 3}
)


def generator(width: int = 3) -> Generator:
    """One with traces of a training, among them more batches than float16 can count."""
    torch.manual_seed(2)
    made = Generator(width)
    for _ in range(3):
        made(torch.rand(2, 1, 48, 64))
    torch.nn.init.normal_(made.last.weight)
    for name, buffer in made.named_buffers():
        if name.endswith("num_batches_tracked"):
            buffer.fill_(100_000)
    return made


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "cgan.safetensors"
    weights.save(generator(), path, META)
    return path


def rewritten(saved: Path, folder: Path, **changes: object) -> Path:
    """A copy whose metadata say something else."""
    header, tensors = container.read(saved, container.GENERATOR)
    content = json.loads(header["metadata"]) | changes
    path = folder / "other.safetensors"
    container.write(path, tensors, {"format": container.GENERATOR, "metadata": json.dumps(content)})
    return path


def test_round_trip(saved: Path) -> None:
    loaded, meta = weights.load(saved)
    assert meta == META.model_copy(update={"width": 3})
    assert weights.read_metadata(saved) == meta
    assert not loaded.training
    images = torch.rand(1, 1, 50, 70)
    with torch.no_grad():
        assert torch.allclose(loaded(images), generator().eval()(images), atol=0.02)
        assert (loaded(images) - images).abs().max() > 0.1
    for name, tensor in loaded.state_dict().items():
        assert tensor.dtype == (torch.int64 if name.endswith("num_batches_tracked") else torch.float32)


def test_a_loaded_generator_can_be_trained_on(saved: Path) -> None:
    loaded, _ = weights.load(saved)
    loaded.train()(torch.rand(2, 1, 32, 64)).sum().backward()
    assert all(weight.grad is not None for weight in loaded.parameters())


def test_is_half_precision_on_disk(saved: Path) -> None:
    values = sum(weight.numel() for weight in generator().parameters())
    assert 2 * values < saved.stat().st_size < 2.2 * values + 20_000


def test_the_default_generator_is_small() -> None:
    assert 2 * sum(weight.numel() for weight in Generator().parameters()) < 4e6


def test_diverged_generators_are_not_written(saved: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(saved, tmp_path / "mine.safetensors"))
    diverged = generator()
    with torch.no_grad():
        diverged.last.weight[0] = 1e6  # infinite in float16
    with pytest.raises(WeightsError, match=r"mine\.safetensors.*last\.weight.*diverged"):
        weights.save(diverged, path, META)
    assert path.read_bytes() == saved.read_bytes()


def test_a_newer_version_is_refused(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="Update napari-hydrapicker"):
        weights.load(rewritten(saved, tmp_path, format_version=2))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"threshold": 2}, "threshold"),
        ({"calibration": [0, 1, 0]}, "slopes"),
        ({"calibration": [1, -1, 0]}, "slopes"),
        ({"width": 1_000_000}, "width"),
        ({"format_version": 0}, "format_version"),
    ],
)
def test_invalid_descriptions_are_refused(
    changes: dict[str, object], said: str, saved: Path, tmp_path: Path
) -> None:
    with pytest.raises(WeightsError, match=rf"other\.safetensors: its description is invalid.*{said}"):
        weights.load(rewritten(saved, tmp_path, **changes))


def test_what_a_newer_version_says_is_said_to_be_its(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"unknown here: unknown.*update napari-hydrapicker"):
        weights.load(rewritten(saved, tmp_path, unknown=1))


def test_another_width_than_the_tensors_is_refused(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="shape"):
        weights.load(rewritten(saved, tmp_path, width=4))


def test_a_missing_tensor_is_refused(saved: Path, tmp_path: Path) -> None:
    header, tensors = container.read(saved, container.GENERATOR)
    del tensors["last.weight"]
    path = tmp_path / "less.safetensors"
    container.write(path, tensors, header)
    with pytest.raises(WeightsError, match=r"lacks tensor 'last\.weight'"):
        weights.load(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.safetensors"
    safetensors.torch.save_file({"a": torch.ones(2)}, foreign, {"format": "napari-hydrapicker"})
    with pytest.raises(WeightsError, match="not a generator of the cGAN picker"):
        weights.load(foreign)
    foreign.write_text("text")
    with pytest.raises(WeightsError, match=r"foreign\.safetensors"):
        weights.read_metadata(foreign)
    bad = tmp_path / "bad.safetensors"
    container.write(bad, {"a": torch.ones(2)}, {"format": container.GENERATOR, "metadata": "{"})
    with pytest.raises(WeightsError, match="not JSON"):
        weights.read_metadata(bad)


def test_calibration_must_rise() -> None:
    with pytest.raises(ValidationError, match="slopes"):
        GeneratorMetadata(calibration=(-1.0, 1.0, 0.0))


def test_marks_are_found_as_large_as_they_were_trained() -> None:
    assert META.localisation().marker_wpx == 9
    assert META.localisation().split
    assert META.localisation(split=False) == LocaliseParameters(), "the paper's"


def test_the_names_in_files_stay_when_fields_are_renamed() -> None:
    """Files of before are read, and older programs read new ones."""
    old = '{"diameter_cpx": 24.0, "marker_cpx": 9}'
    meta = GeneratorMetadata.model_validate_json(old)
    assert (meta.diameter_wpx, meta.marker_wpx) == (24.0, 9)
    written = meta.model_dump_json(by_alias=True)
    assert '"diameter_cpx":24.0,"marker_cpx":9' in written
    assert GeneratorMetadata.model_validate_json(written) == meta
