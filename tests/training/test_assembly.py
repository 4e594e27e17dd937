"""All data of a training together."""

from __future__ import annotations

from pathlib import Path

import mrcfile
import numpy as np
import pytest

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.simulation.structures import PointCloud, from_atoms
from napari_hydrapicker.training.assembly import RealSet, TrainingData, assemble

SHAPE = (180, 260)


def clouds(*names: str) -> list[PointCloud]:
    atoms = np.random.default_rng(0).normal(size=(200, 3)) * 25
    return [from_atoms(name, atoms, np.full(200, 7)) for name in names]


@pytest.fixture
def real_sets(tmp_path: Path) -> list[RealSet]:
    rng = np.random.default_rng(0)
    made = []
    for name in ("first set", "second"):
        images, labels = tmp_path / name / "images", tmp_path / name / "labels"
        images.mkdir(parents=True)
        for micrograph in ("one", "two"):
            with mrcfile.new(images / f"{micrograph}.mrc") as file:
                file.set_data(rng.normal(0, 1, SHAPE).astype(np.float32))
                file.voxel_size = 4.0
            formats.write({micrograph: Picks(rng.uniform(20, 160, (6, 2)))}, labels, "star")
        made.append(RealSet(name, str(images), labels, 168.0, (0.0, 8.0)))
    return made


def shares(data: TrainingData) -> dict[str, float]:
    return dict(zip([s.name for s in data.sources], data.weights, strict=True))


def test_simulated_and_real_sets_together(real_sets: list[RealSet]) -> None:
    data = assemble(clouds("a", "b", "c"), 2, real_sets, 0.4, ["b", "two"], seed=0)
    assert data.simulated == ["a", "c"]
    assert data.real == ["first set", "second"]
    assert shares(data) == pytest.approx({"a": 0.3, "c": 0.3, "first set": 0.2, "second": 0.2})
    assert [crop.image.shape for crop in data.unseen] == [(256, 256)] * 2 + [(80, 128)] * 2
    assert data.heads == ["a", "c", "first-set", "second"]
    assert {name: len(crops) for name, crops in data.validation.items()} == {
        "molecules": 2,
        "first set": 1,
        "second": 1,
    }


def test_every_head_has_images_of_its_own(real_sets: list[RealSet]) -> None:
    data = assemble(clouds("a", "b", "a"), 2, real_sets[:1], 0.5, ["b", "two"], seed=0)
    by_head = data.by_head()
    assert {name: len(crops) for name, crops in by_head.items()} == {"generic": 3, "a": 4, "first-set": 1}
    assert by_head["first-set"] == data.validation["first set"]
    again = data.by_head()["a"]
    for one, other in zip(by_head["a"], again, strict=True):
        np.testing.assert_array_equal(one.image, other.image)
    by_head["generic"].clear()
    assert len(data.unseen) == 3


def test_what_scores_are_calibrated_on_is_known_and_not_trained_on() -> None:
    empty = [np.random.default_rng(1).normal(size=(300, 340)).astype(np.float32)]
    data = assemble(clouds("a", "b"), 2, [], 0.0, ["b"], 0, wide=True, backgrounds=empty)
    assert [one.name for one in data.held_out] == ["b"] * 3
    assert "b" not in data.simulated
    made = data.complete()
    assert len(made) == 3 * 8 + 6
    assert [len(one.yx) for one in made[-6:]] == [0] * 6
    assert sum(len(one.yx) > 0 for one in made[:24]) > 12
    assert assemble(clouds("a", "b"), 2, [], 0.0, [], 0, wide=True).complete() == []


def test_a_group_shares_a_head_with_a_real_set_of_its_name(real_sets: list[RealSet]) -> None:
    groups = {"first set": ["a", "c"]}
    data = assemble(clouds("a", "b", "c", "d"), 2, real_sets[:1], 0.4, ["b", "two"], 0, groups)
    assert data.simulated == ["a", "c", "d"]
    assert data.heads == ["first-set", "first-set", "d", "first-set"]
    assert data.weights == pytest.approx([0.2, 0.2, 0.2, 0.4])
    by_head = data.by_head()
    assert {name: len(crops) for name, crops in by_head.items()} == {"generic": 3, "first-set": 5, "d": 2}


@pytest.mark.parametrize(
    ("strange", "words"), [("b", "'b' is held out"), ("unheard", "there is no structure 'unheard'")]
)
def test_a_group_of_what_is_not_trained_on_is_refused(strange: str, words: str) -> None:
    with pytest.raises(ParameterError, match=f"`group`: {words}"):
        assemble(clouds("a", "b"), 2, [], 0.5, ["b"], 0, {"both": ["a", strange]})


def test_a_real_set_without_held_out_micrographs(real_sets: list[RealSet]) -> None:
    data = assemble(clouds("a"), 2, real_sets[:1], 1.0, [], seed=0)
    assert data.weights == [0, 1]
    assert data.by_head()["first-set"] == data.unseen == []


def test_simulated_sets_alone_take_all() -> None:
    assert assemble(clouds("a", "b"), 2, [], 0.5, [], seed=0).weights == [0.5, 0.5]


def test_what_makes_no_sense_is_refused(real_sets: list[RealSet]) -> None:
    with pytest.raises(ParameterError, match=r"share of 1\.5"):
        assemble(clouds("a"), 2, [], 1.5, [], seed=0)
    with pytest.raises(ParameterError, match="called 'first set'"):
        assemble(clouds("a"), 2, [real_sets[0], *real_sets], 0.5, [], seed=0)
