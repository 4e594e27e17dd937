"""Scores of several heads on the same images."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_hydrapicker.hydra.network import GENERIC, Architecture, HydraPicker
from napari_hydrapicker.training.sources import Crop
from napari_hydrapicker.training.validation import (
    HeadScores,
    MultiHeadAP,
    average_precisions,
    generic_scores,
    merged,
    pooled,
    score_all,
    score_heads,
)

SHAPE = (64, 96)


@pytest.fixture
def model() -> HydraPicker:
    torch.manual_seed(0)
    model = HydraPicker(Architecture(channels=4, groups=4))
    model.add_head("other")
    with torch.no_grad():
        for head in (GENERIC, "other"):
            model.head(head).output.weight.normal_(0, 0.05)
    return model


def crops(n: int = 2) -> list[Crop]:
    rng = np.random.default_rng(0)
    return [
        Crop(rng.normal(size=SHAPE).astype(np.float32), rng.uniform(0, 63, (3, 2)), np.empty((0, 2)))
        for _ in range(n)
    ]


def test_the_generic_head_is_scored_as_alone(model: HydraPicker) -> None:
    scores = score_heads(model, crops(), [GENERIC, "other"])
    logits, truth, total = pooled(model, crops())
    assert len(logits) > 5
    np.testing.assert_array_equal(scores[GENERIC].logits, logits)
    np.testing.assert_array_equal(scores[GENERIC].truth, truth)
    assert scores[GENERIC].particles == scores["other"].particles == total == 6
    model.heads[GENERIC] = model.head("other")
    np.testing.assert_array_equal(scores["other"].logits, pooled(model, crops())[0])


def test_each_data_set_is_scored_by_its_head_and_the_generic_one(model: HydraPicker) -> None:
    scores = score_all(model, {GENERIC: crops(1), "other": crops(2)})
    assert {name: tuple(heads) for name, heads in scores.items()} == {
        GENERIC: (GENERIC,), "other": (GENERIC, "other"),
    }  # fmt: skip
    assert scores[GENERIC][GENERIC].particles == 3
    assert list(score_all(model, {GENERIC: [], "other": crops(1)})) == ["other"]


def made(logits: list[float], truth: list[bool], particles: int) -> HeadScores:
    return HeadScores(np.array(logits), np.array(truth), particles)


RIGHT, WRONG = made([1, 2], [True, True], 2), made([5, 6], [False, False], 2)


def test_scores_of_several_images_together() -> None:
    both = merged([RIGHT, WRONG])
    np.testing.assert_array_equal(both.logits, [1, 2, 5, 6])
    np.testing.assert_array_equal(both.truth, [True, True, False, False])
    assert both.particles == 4
    assert merged([]).ap == 0


def test_average_precisions() -> None:
    sets = {"a": {GENERIC: WRONG, "a": RIGHT}, "b": {GENERIC: RIGHT, "b": WRONG}}
    ap = average_precisions({GENERIC: {GENERIC: RIGHT}, **sets})
    assert ap == MultiHeadAP(1.0, {"a": 1.0, "b": 0.0}, {"a": 0.0, "b": 1.0})
    assert ap.overall == 0.75
    assert generic_scores(sets).particles == 4  # nothing unseen: all data sets together
    assert average_precisions({}) == MultiHeadAP(0.0, {}, {})
    assert MultiHeadAP(0.4, {}, {}).overall == 0.4


def test_a_tall_image(model: HydraPicker) -> None:
    tall = Crop(np.zeros((112, 48), np.float32), np.array([[100.0, 20]]), np.empty((0, 2)))
    scores = score_heads(model, [tall], ["other"])["other"]
    assert scores.particles == 1
    assert len(scores.logits) == len(scores.truth)
