"""From picks and micrographs to classes."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_hydrapicker.classes.classify import Classes, classify
from napari_hydrapicker.errors import CoordinateFileError, ParameterError
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picks import Picks

SHAPE = (420, 610)
Scene = tuple[dict[str, Picks], list[Micrograph], dict[str, NDArray[np.int64]]]


@pytest.fixture(scope="module")
def scene(shapes: SimpleNamespace) -> Scene:
    """Two micrographs with dark hooks (0) and triangles (1), 40 pixels across, and picks of nothing (2)."""
    rng = np.random.default_rng(4)
    picks, micrographs, kinds = {}, [], {}
    rows, columns = np.mgrid[36:386:60, 36:576:60]
    places = np.stack([rows.ravel(), columns.ravel()], axis=1)
    for name in ("a", "b"):
        image = rng.normal(0, 0.7, SHAPE)
        kind = rng.choice(3, len(places), p=(0.4, 0.4, 0.2))
        for (row, column), one in zip(places, kind, strict=True):
            if one < 2:
                shape = shapes.posed((shapes.hook, shapes.triangle)[one](), rng.uniform(0, 6.28), (0, 0))
                image[row - 32 : row + 32, column - 32 : column + 32] -= shape
        yx = places + rng.uniform(-1.5, 1.5, places.shape)
        picks[name] = Picks(yx, score=np.linspace(0.5, 0.9, len(yx)))
        micrographs.append(Micrograph.from_array(image.astype(np.float32), 2.0, name))
        kinds[name] = kind
    return picks, micrographs, kinds


@pytest.fixture(scope="module")
def found(scene: Scene) -> Classes:
    return classify(scene[0], scene[1], 80.0, classes=4, max_picks=80, seed=2)


def test_classes_are_of_one_kind_and_numbered_by_size(scene: Scene, found: Classes) -> None:
    sizes = [one.size for one in found.classes]
    assert sizes == sorted(sizes, reverse=True)
    assert [one.number for one in found.classes] == list(range(1, len(sizes) + 1))
    kind = np.concatenate([scene[2][one.micrograph.name] for one in found.members])
    label = np.concatenate([one.label for one in found.members])
    best = sum(np.bincount(kind[label == one.number]).max() for one in found.classes)
    assert best > 0.8 * len(kind)


def test_every_pick_is_in_a_class_and_told_what_is_known_of_it(scene: Scene, found: Classes) -> None:
    for one in found.members:
        own = scene[0][one.micrograph.name]
        assert len(one.label) == len(own)
        assert one.label.min() >= 1
        assert np.abs(one.offset_px).max() < 12
        assert (np.abs(one.psi_degrees) <= 180).all()
    assert sum(one.size for one in found.classes) == sum(map(len, scene[0].values()))
    assert all(0 < one.confidence <= 1 and 0.5 <= one.mean_score <= 0.9 for one in found.classes)
    assert found.pixel_size_angstrom == 2.0


def test_particles_have_detail_in_common(found: Classes) -> None:
    assert min(one.resolution_angstrom for one in found.classes) < 80 / 5
    assert found.classes[0].doubts == ()


def test_picks_of_some_classes(scene: Scene, found: Classes) -> None:
    kept = found.picks_of([1, 3])
    assert sum(map(len, kept.values())) == found.classes[0].size + found.classes[2].size
    assert kept.keys() == {"a", "b"}
    one = found.members[0]
    assert np.array_equal(kept["a"].yx, scene[0]["a"].yx[np.isin(one.label, [1, 3])])


def test_the_others_can_be_left_in_no_class(scene: Scene) -> None:
    found = classify(scene[0], scene[1], 80.0, classes=2, max_picks=40, assign_all=False)
    label = np.concatenate([one.label for one in found.members])
    assert (label > 0).sum() == 40
    assert sum(one.size for one in found.classes) == 40


def test_progress_names_the_steps(scene: Scene) -> None:
    steps: list[str] = []

    def progress(what: str, done: int, of: int) -> None:
        assert 0 <= done <= of
        steps.append(what)

    classify(scene[0], scene[1], 80.0, classes=2, max_picks=40, progress=progress)
    assert list(dict.fromkeys(steps)) == [
        "cutting out",
        "classifying",
        "comparing halves",
        "sorting the others",
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": 1}, "`classes`: 1 is not a number from 2"),
        ({"classes": 50}, "`classes`: 50 of 108 picks"),
        ({"max_picks": 3}, "`max_picks`: 3"),
        ({"diameter_angstrom": -1.0}, "`diameter_angstrom`"),
    ],
)
def test_parameters_are_checked(scene: Scene, change: dict[str, int], message: str) -> None:
    given = {"diameter_angstrom": 80.0, "classes": 3} | change
    with pytest.raises(ParameterError, match=message):
        classify(scene[0], scene[1], **given)  # type: ignore[arg-type]


def test_picks_of_other_micrographs_are_no_picks(scene: Scene) -> None:
    with pytest.raises(ParameterError, match="none has picks; they are a, b, and picks are of c"):
        classify({"c": scene[0]["a"]}, scene[1], 80.0)
    with pytest.raises(ParameterError, match="3 picks on 1 micrograph: classes need 20"):
        classify({"a": scene[0]["a"].select([0, 1, 2])}, scene[1], 80.0)


def test_a_list_of_defocus_has_to_have_the_micrographs(scene: Scene) -> None:
    with pytest.raises(CoordinateFileError, match="nowhere"):
        classify(scene[0], scene[1], 80.0, ctf="nowhere.star")
