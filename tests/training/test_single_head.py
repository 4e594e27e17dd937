"""Phase 1 on a problem small enough to be learned in seconds."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from napari_hydrapicker.errors import ParameterError, WeightsError
from napari_hydrapicker.hydra import layers as head_module
from napari_hydrapicker.hydra.network import Architecture, HydraPicker
from napari_hydrapicker.simulation.procedural import procedural_complex
from napari_hydrapicker.simulation.projection import make_species
from napari_hydrapicker.training import single_head, steps
from napari_hydrapicker.training.batches import StepBatches
from napari_hydrapicker.training.loop import TrainingLog
from napari_hydrapicker.training.single_head import Progress, SingleHeadParameters, train_single_head
from napari_hydrapicker.training.sources import Crop, SimulatedSource
from napari_hydrapicker.training.steps import batch_of, loss_of

SIZE = 64


class Discs:
    """Dark discs on noise: the easiest particles there are."""

    name = "discs"

    def crop(self, rng: np.random.Generator, size: int) -> Crop:
        image = rng.normal(0, 0.3, (size, size)).astype(np.float32)
        rows, cols = np.ogrid[:size, :size]
        yx = np.array([(y, x) for y in (16.0, 44.0) for x in (16.0, 44.0) if rng.random() < 0.6])
        yx = yx.reshape(-1, 2) + rng.uniform(-4, 4, (len(yx), 2))
        for y, x in yx:
            image[np.hypot(rows - y, cols - x) < 9] -= 2
        return Crop(image, yx, np.empty((0, 2)))


@pytest.fixture(autouse=True)
def _small_heads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_module, "STAGE_CHANNELS", (32, 64, 64, 128))


def tiny() -> HydraPicker:
    torch.manual_seed(0)
    return HydraPicker(Architecture(channels=8, groups=4, dropout=0.0))


def parameters(**changes: float) -> SingleHeadParameters:
    values = {
        "steps": 4, "batch_size": 2, "crop_wpx": SIZE, "warmup_steps": 2, "validate_every": 100,
        "learning_rate": 5e-3,
    }  # fmt: skip
    return SingleHeadParameters(**(values | changes))  # type: ignore[arg-type]


def held_out(number: int = 6) -> dict[str, list[Crop]]:
    return {"discs": [Discs().crop(np.random.default_rng(1000 + i), SIZE) for i in range(number)]}


def test_it_learns(tmp_path: Path) -> None:
    reports: list[Progress] = []
    p = parameters(steps=100, batch_size=4, validate_every=50, ema_decay=0.9, learning_rate=3e-3)
    best = train_single_head(tiny(), [Discs()], [1.0], held_out(), tmp_path, p, reports.append)
    assert [r.step for r in reports] == [20, 40, 50, 60, 80, 100]
    assert reports[-1].loss < 0.5 * reports[0].loss
    assert reports[-1].validation_ap is not None
    assert reports[-1].validation_ap["discs"] > 0.6
    images, crops = batch_of(Discs(), np.random.default_rng(5), 4, SIZE)
    with torch.no_grad():
        assert loss_of(best, images, crops, 4.0).total < 0.6 * loss_of(tiny(), images, crops, 4.0).total


def test_the_running_mean_spares_unlabelled_particles_once_it_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def sparing(model: HydraPicker, images: torch.Tensor, crops: list[Crop]) -> list[Crop]:
        asked.append(len(crops))
        return crops

    monkeypatch.setattr(single_head, "sparing_unlabelled", sparing)
    train_single_head(tiny(), [Discs()], [1.0], {}, tmp_path, parameters(steps=5, trusted_from=3))
    assert asked == [2, 2], "in steps 3 and 4, a batch of two each"


def test_it_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    stopped: list[Progress] = []
    train_single_head(
        tiny(), [Discs()], [1.0], held_out(1), tmp_path, parameters(steps=6), stopped.append,
        cancelled=lambda: True,
    )  # fmt: skip
    assert [r.step for r in stopped] == [1]
    drawn: list[int] = []

    class Counted(Discs):
        def crop(self, rng: np.random.Generator, size: int) -> Crop:
            drawn.append(size)
            return super().crop(rng, size)

    later: list[Progress] = []
    resumed = train_single_head(
        tiny(), [Counted()], [1.0], held_out(1), tmp_path, parameters(steps=6), later.append
    )
    assert [r.step for r in later] == [6]
    assert drawn == [SIZE] * 2 * 5
    finished = train_single_head(
        tiny(), [Counted()], [1.0], held_out(1), tmp_path, parameters(steps=6), later.append
    )
    assert len(later) == 1
    for one, other in zip(resumed.parameters(), finished.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_a_training_interrupted_ends_as_one_that_was_not(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train_single_head(tiny(), [Discs()], [1.0], {}, whole, parameters(steps=4))
    count = iter(range(100))
    train_single_head(
        tiny(), [Discs()], [1.0], {}, parts, parameters(steps=4), cancelled=lambda: next(count) == 1
    )
    train_single_head(tiny(), [Discs()], [1.0], {}, parts, parameters(steps=4))
    one, other = (load_file(folder / "checkpoint.safetensors") for folder in (whole, parts))
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        torch.testing.assert_close(other[name], tensor, rtol=1e-3, atol=1e-5, msg=name)


def test_it_stops_in_time(tmp_path: Path) -> None:
    reports: list[Progress] = []
    train_single_head(
        tiny(), [Discs()], [1.0], {}, tmp_path, parameters(steps=50), reports.append, minutes=1e-9
    )
    assert [r.step for r in reports] == [1]
    assert (tmp_path / "checkpoint.safetensors").is_file()


def test_a_damaged_checkpoint_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(b"damaged")
    with pytest.raises(WeightsError, match="start anew"):
        train_single_head(tiny(), [Discs()], [1.0], {}, tmp_path, parameters())
    assert path.read_bytes() == b"damaged"


@pytest.mark.parametrize(("sources", "weights"), [([], []), ([Discs()], [1.0, 2.0])])
def test_sources_and_weights_belong_together(
    tmp_path: Path, sources: list[Discs], weights: list[float]
) -> None:
    with pytest.raises(ParameterError, match=r"data sets?"):
        train_single_head(tiny(), sources, weights, {}, tmp_path, parameters())


def test_data_sets_are_drawn_by_their_weights(tmp_path: Path) -> None:
    drawn: list[str] = []

    class Named(Discs):
        def __init__(self, name: str) -> None:
            self.name = name

        def crop(self, rng: np.random.Generator, size: int) -> Crop:
            drawn.append(self.name)
            return super().crop(rng, size)

    sources = [Named("never"), Named("always")]
    train_single_head(tiny(), sources, [0.0, 2.0], {}, tmp_path, parameters(steps=3))
    assert drawn == ["always"] * 6


def test_the_learning_rate_warms_up_stays_and_cools_down() -> None:
    p = SingleHeadParameters(steps=1100, warmup_steps=100, cooldown_steps=200, learning_rate=1.0)
    assert p.rate(0) == pytest.approx(0.01)
    assert p.rate(99) == p.rate(500) == p.rate(900) == pytest.approx(1)
    assert p.rate(1000) == pytest.approx(0.5)
    assert p.rate(1099) == pytest.approx(1 / 200)
    short = SingleHeadParameters(steps=60, warmup_steps=5, learning_rate=1.0)
    assert short.rate(29) == pytest.approx(1)
    assert short.rate(45) == pytest.approx(0.5)


def test_the_log_has_a_row_for_every_validation_and_goes_on(tmp_path: Path) -> None:
    p = parameters(steps=4, validate_every=2, checkpoint_every=2)
    train_single_head(tiny(), [Discs()], [1.0], held_out(1), tmp_path, p)
    log = TrainingLog(tmp_path / "log.csv", ["discs"])
    assert [row.step for row in log.rows()] == [2, 4]
    assert all(0 <= row.ap["discs"] <= 1 for row in log.rows())
    assert (tmp_path / "log.png").stat().st_size > 1000
    train_single_head(tiny(), [Discs()], [1.0], held_out(1), tmp_path, replace(p, steps=6))
    rows = log.rows()
    assert [row.step for row in rows] == [2, 4, 6]
    assert rows[0].core_hours <= rows[1].core_hours <= rows[2].core_hours


def test_processes_that_share_a_batch_train_as_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Losses, weights and the running mean; the batch of three cannot be shared evenly."""
    monkeypatch.setattr(steps, "precision", lambda _: nullcontext())  # bfloat16 rounds more than sums differ
    p = parameters(steps=4, batch_size=3, validate_every=2, checkpoint_every=2, learning_rate=1e-3)
    for processes in (1, 2):
        folder = tmp_path / str(processes)
        train_single_head(tiny(), [Discs()], [1.0], held_out(1), folder, p, processes=processes)
    one, two = (TrainingLog(tmp_path / name / "log.csv", ["discs"]).rows() for name in "12")
    assert [row.step for row in two] == [2, 4]
    assert [row.loss for row in two] == pytest.approx([row.loss for row in one], abs=2e-4)
    assert [row.localisation for row in two] == pytest.approx([row.localisation for row in one], abs=2e-4)
    assert one[-1].loss != pytest.approx(one[0].loss, rel=2e-2)  # it has learnt something on the way
    alone, shared = (load_file(tmp_path / name / "checkpoint.safetensors") for name in "12")
    assert alone.keys() == shared.keys()
    for name in (n for n in alone if n.startswith("model.")):
        torch.testing.assert_close(shared[name], alone[name], rtol=1e-2, atol=1e-3, msg=name)


def test_each_of_several_processes_needs_a_crop(tmp_path: Path) -> None:
    for processes, said in ((3, "share a `batch` of 2"), (0, "give 1 or more")):
        with pytest.raises(ParameterError, match=said):
            train_single_head(tiny(), [Discs()], [1.0], {}, tmp_path, parameters(), processes=processes)


def test_the_parts_of_a_batch_are_the_batch() -> None:
    whole, crops = StepBatches([Discs()], np.ones(1), 5, SIZE, 7)[3]
    parts = [StepBatches([Discs()], np.ones(1), 5, SIZE, 7, slice(i, None, 2))[3] for i in range(2)]
    assert [len(own) for _, own in parts] == [3, 2]
    for i, (images, own) in enumerate(parts):
        assert torch.equal(images, whole[i::2])
        for one, other in zip(own, crops[i::2], strict=True):
            np.testing.assert_array_equal(one.yx, other.yx)


def test_workers_make_the_same_batches() -> None:
    source = SimulatedSource(make_species(procedural_complex(1, 120.0), 2))  # one that other processes know
    batches = StepBatches([source], np.ones(1), 2, SIZE, 5)
    own, ahead = list(batches.ahead(3, 6, 0)), list(batches.ahead(3, 6, 1))
    assert len(own) == len(ahead) == 3
    for (one, _), (other, crops) in zip(own, ahead, strict=True):
        assert torch.equal(one, other)
        assert len(crops) == 2


def test_a_batch_is_of_one_data_set_and_turned() -> None:
    images, crops = batch_of(Discs(), np.random.default_rng(3), 3, SIZE)
    assert images.shape == (3, 1, SIZE, SIZE)
    assert images.dtype == torch.float32
    for image, crop in zip(images[:, 0].numpy(), crops, strict=True):
        np.testing.assert_array_equal(image, crop.image)
        for y, x in np.round(crop.yx).astype(int):
            assert image[y - 3 : y + 4, x - 3 : x + 4].mean() < -1.5
