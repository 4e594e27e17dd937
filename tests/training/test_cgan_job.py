"""A cGAN picker from start to end, on the smallest of networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_hydrapicker.cgan import weights
from napari_hydrapicker.cgan.synthesis import Pair
from napari_hydrapicker.cgan.synthesis_parameters import SynthesisParameters
from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.training import cgan_publish
from napari_hydrapicker.training.cgan import CGanParameters, CGanProgress
from napari_hydrapicker.training.cgan_data import PairMaker
from napari_hydrapicker.training.cgan_publish import FILE, make_picker

P = CGanParameters(steps=3, batch_size=1, check_every=100, seed=4)


@pytest.fixture(autouse=True)
def _few_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgan_publish, "HELD_OUT_PAIRS", 1)


def maker() -> PairMaker:
    return PairMaker(SynthesisParameters.for_particles(), side_wpx=64)


def test_a_file_that_knows_where_it_comes_from(tmp_path: Path) -> None:
    reports: list[CGanProgress] = []
    meta = make_picker(maker(), tmp_path, P, width=2, report=reports.append)
    assert meta is not None
    assert [now.step for now in reports] == [3]
    generator, read = weights.load(tmp_path / FILE)
    assert read == meta
    assert generator.width == 2
    parameters = meta.training["parameters"]
    assert isinstance(parameters, dict)
    assert (parameters["steps"], parameters["seed"]) == (3, 4)
    assert meta.training["simulated_share"] == 1.0
    assert meta.marker_wpx == SynthesisParameters.for_particles().marker_wpx


def test_the_same_again_goes_on(tmp_path: Path) -> None:
    first = make_picker(maker(), tmp_path, P, width=2)
    before, _ = weights.load(tmp_path / FILE)
    reports: list[CGanProgress] = []
    assert make_picker(maker(), tmp_path, P, width=2, report=reports.append) == first
    assert reports == []
    after, _ = weights.load(tmp_path / FILE)
    assert all(tensor.equal(after.state_dict()[name]) for name, tensor in before.state_dict().items())


def test_a_fixed_number_of_pairs_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    original = PairMaker.__call__

    def counted(self: PairMaker, rng: np.random.Generator) -> Pair:
        made.append(self.side_wpx)
        return original(self, rng)

    monkeypatch.setattr(PairMaker, "__call__", counted)
    meta = make_picker(maker(), tmp_path, P, pairs=2, width=2)
    assert made.count(64) == 2
    assert meta is not None
    assert meta.training["pairs"] == 2
    with pytest.raises(ParameterError, match="-1 pairs"):
        make_picker(maker(), tmp_path, P, pairs=-1)


def test_nothing_is_written_of_a_cancelled_training(tmp_path: Path) -> None:
    assert make_picker(maker(), tmp_path, P, width=2, cancelled=lambda: True) is None
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.safetensors"]
