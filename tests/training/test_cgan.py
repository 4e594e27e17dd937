"""Training of the cGAN on pairs simple enough to be learnt in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from napari_hydrapicker.cgan.networks import Discriminator, Generator
from napari_hydrapicker.errors import ParameterError, WeightsError
from napari_hydrapicker.training.cgan import CGanParameters, CGanProgress, train_cgan

SHAPE = (48, 64)


@dataclass(frozen=True)
class Pair:
    image: NDArray[np.float32]
    truth: NDArray[np.float32]


def dark_discs(rng: np.random.Generator, shape: tuple[int, int] = SHAPE) -> Pair:
    """A few dark discs, and black squares in their places."""
    image = rng.normal(0.6, 0.05, shape).astype(np.float32)
    truth = image.copy()
    rows, cols = np.ogrid[: shape[0], : shape[1]]
    for y, x in rng.integers(8, np.array(shape) - 8, (3, 2)):
        image[np.hypot(rows - y, cols - x) < 7] -= 0.2
        truth[y - 5 : y + 6, x - 5 : x + 6] = 0
    return Pair(image, np.where(truth == 0, np.float32(0), image))


def networks() -> tuple[Generator, Discriminator]:
    torch.manual_seed(0)
    return Generator(4), Discriminator(4)


def parameters(**changes: object) -> CGanParameters:
    values = {"steps": 4, "batch_size": 2, "warmup_steps": 1, "check_every": 100, "learning_rate": 5e-3}
    return CGanParameters(**(values | changes))  # type: ignore[arg-type]


def states(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "checkpoint.safetensors")


@pytest.mark.parametrize("loss", ["mean-squared", "cross-entropy"])
def test_it_learns_to_mark_what_it_has_not_seen(tmp_path: Path, loss: str) -> None:
    reports: list[CGanProgress] = []
    p = parameters(steps=100, batch_size=4, loss=loss)
    made = train_cgan(*networks(), dark_discs, tmp_path, p, reports.append)
    assert [now.step for now in reports] == [20, 40, 60, 80, 100]
    assert reports[-1].data < 0.5 * reports[0].data
    assert not made.training
    unseen = dark_discs(np.random.default_rng(10**6))
    with torch.no_grad():
        marked = made(torch.from_numpy(unseen.image)[None, None])[0, 0].numpy()
    inside = unseen.truth == 0
    assert marked[inside].mean() < 0.2
    assert np.abs(marked - unseen.image)[~inside].mean() < 0.1


def test_the_discriminator_learns_too(tmp_path: Path) -> None:
    generator, discriminator = networks()
    before = [weight.clone() for weight in discriminator.parameters()]
    reports: list[CGanProgress] = []
    # A generator that stands still is easily told from the truth.
    p = parameters(steps=60, learning_rate=0.0, discriminator_rate=2e-3)
    train_cgan(generator, discriminator, dark_discs, tmp_path, p, reports.append)
    pairs = zip(discriminator.parameters(), before, strict=True)
    assert all(not torch.equal(now, then) for now, then in pairs)
    assert reports[-1].discriminator < 0.5 * reports[0].discriminator
    assert reports[-1].adversarial > reports[0].adversarial


def test_a_training_interrupted_ends_as_one_that_was_not(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train_cgan(*networks(), dark_discs, whole, parameters())
    asked = count()
    train_cgan(*networks(), dark_discs, parts, parameters(), cancelled=lambda: next(asked) == 1)
    reports: list[CGanProgress] = []
    train_cgan(*networks(), dark_discs, parts, parameters(), reports.append)
    assert [now.step for now in reports] == [4]
    one, other = states(whole), states(parts)
    assert one.keys() == other.keys()
    assert any(name.startswith("optimiser.") for name in one)
    for name, tensor in one.items():
        torch.testing.assert_close(other[name], tensor, rtol=1e-3, atol=1e-5, msg=name)


def test_a_finished_training_is_not_done_again(tmp_path: Path) -> None:
    first = train_cgan(*networks(), dark_discs, tmp_path, parameters())

    def never(rng: np.random.Generator) -> Pair:
        raise AssertionError("no pair is needed")

    again = train_cgan(*networks(), never, tmp_path, parameters())
    for one, other in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


def test_it_stops_in_time_and_when_told(tmp_path: Path) -> None:
    for name, how in (("time", {"minutes": 0.0}), ("told", {"cancelled": lambda: True})):
        reports: list[CGanProgress] = []
        train_cgan(*networks(), dark_discs, tmp_path / name, parameters(), reports.append, **how)  # type: ignore[arg-type]
        assert [now.step for now in reports] == [1]
        assert (tmp_path / name / "checkpoint.safetensors").is_file()


def test_nothing_is_trained_with_parameters_out_of_range(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="steps of 0"):
        train_cgan(*networks(), dark_discs, tmp_path / "none", parameters(steps=0))
    assert not (tmp_path / "none").exists()


def test_checkpoints_of_other_trainings_are_refused(tmp_path: Path) -> None:
    train_cgan(*networks(), dark_discs, tmp_path, parameters(steps=1))
    with pytest.raises(WeightsError, match=r"checkpoint\.safetensors.*mean-squared.*cross-entropy"):
        train_cgan(*networks(), dark_discs, tmp_path, parameters(loss="cross-entropy"))
    with pytest.raises(WeightsError, match="start anew"):
        train_cgan(Generator(5), Discriminator(4), dark_discs, tmp_path, parameters())
