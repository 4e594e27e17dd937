"""What a multi-head training keeps on disk, and what it refuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_hydrapicker.errors import ParameterError, WeightsError
from napari_hydrapicker.hydra import layers as head_module
from napari_hydrapicker.hydra.network import GENERIC, Architecture, HydraPicker
from napari_hydrapicker.training import multi_head as multi_head_trainer
from napari_hydrapicker.training.multi_head import MultiHeadParameters, MultiHeadTrainer
from napari_hydrapicker.training.single_head import SingleHeadParameters, train_single_head
from napari_hydrapicker.training.sources import Crop
from napari_hydrapicker.training.validation import MultiHeadAP

SIZE = 32
P = MultiHeadParameters(steps=6, batch_size=1, crop_wpx=SIZE, warmup_steps=0, optimiser="sgd")
ADAM = MultiHeadParameters(steps=6, batch_size=1, crop_wpx=SIZE, warmup_steps=0)


@dataclass(frozen=True)
class Noise:
    """Images of noise, with a particle marked in the middle."""

    name: str

    def crop(self, rng: np.random.Generator, size: int) -> Crop:
        image = rng.normal(size=(size, size)).astype(np.float32)
        return Crop(image, np.full((1, 2), size / 2), np.empty((0, 2)))


SETS = [Noise("strong"), Noise("faint")]


@pytest.fixture(autouse=True)
def _small_heads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_module, "STAGE_CHANNELS", (32, 32, 32, 32))


def tiny() -> HydraPicker:
    torch.manual_seed(0)
    return HydraPicker(Architecture(channels=8, groups=4, dropout=0.1))


def trainer(
    folder: Path,
    p: MultiHeadParameters = P,
    sets: Sequence[Noise] = SETS,
    model: HydraPicker | None = None,
    validation: Mapping[str, Sequence[Crop]] | None = None,
) -> MultiHeadTrainer:
    return MultiHeadTrainer(model or tiny(), sets, [1.0] * len(sets), validation or {}, folder, p)


def weights(model: HydraPicker, head: str = "faint") -> torch.Tensor:
    return torch.cat([w.detach().flatten() for w in model.head(head).parameters()])


def test_the_best_state_is_returned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Tensor] = []
    measured = iter([0.2, 0.9, 0.1])

    def score(model: HydraPicker, _: object) -> dict[str, object]:
        seen.append(weights(model))
        return {}

    monkeypatch.setattr(multi_head_trainer, "score_all", score)
    monkeypatch.setattr(
        multi_head_trainer, "average_precisions", lambda _: MultiHeadAP(next(measured), {}, {})
    )
    crop = SETS[0].crop(np.random.default_rng(0), SIZE)
    phase = trainer(tmp_path, validation={GENERIC: [crop]})
    assert phase.resume() == 0
    for number in range(3):
        phase.step(number)
        phase.check(number + 1)
    torch.testing.assert_close(weights(phase.best()), seen[1], rtol=0, atol=0)
    assert not torch.equal(seen[1], seen[2])


def test_it_goes_on_from_its_checkpoint_as_if_never_broken_off(tmp_path: Path) -> None:
    whole, first = trainer(tmp_path / "a"), trainer(tmp_path / "b")
    assert whole.resume() == first.resume() == 0
    for number in range(2):
        first.step(number)
    first.check(2)
    second = trainer(tmp_path / "b")
    assert second.resume() == 2
    for number in range(4):
        whole.step(number)
    for number in range(2, 4):
        second.step(number)
    whole.check(4)
    second.check(4)
    torch.testing.assert_close(weights(second.best()), weights(whole.best()), rtol=0, atol=0)


def test_checkpoints_of_other_trainings_are_refused(tmp_path: Path) -> None:
    phase = trainer(tmp_path / "multi")
    phase.resume()
    phase.check(0)
    with pytest.raises(WeightsError, match=r"of the heads strong, faint; use the same data sets"):
        trainer(tmp_path / "multi", sets=SETS[:1]).resume()
    with pytest.raises(WeightsError, match="a training with sgd"):
        trainer(tmp_path / "multi", ADAM).resume()
    first = SingleHeadParameters(steps=1, batch_size=1, crop_wpx=SIZE)
    with pytest.raises(WeightsError, match="multi-head phase"):
        train_single_head(tiny(), SETS, [1.0, 1.0], {}, tmp_path / "multi", first)
    train_single_head(tiny(), SETS, [1.0, 1.0], {}, tmp_path / "single", first)
    with pytest.raises(WeightsError, match="of the heads generic"):
        trainer(tmp_path / "single").resume()


def test_what_makes_no_sense_is_refused(tmp_path: Path) -> None:
    model = tiny()
    model.add_head("old")
    with pytest.raises(ParameterError, match="'old' already"):
        trainer(tmp_path, model=model)
    with pytest.raises(ParameterError, match="held out for 'weak'"):
        trainer(tmp_path, validation={"weak": []})
    with pytest.raises(ParameterError, match="data sets"):
        trainer(tmp_path, sets=[])
