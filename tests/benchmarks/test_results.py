from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.__main__ import bring_up_to_date
from benchmarks.contenders import Answer, Contender
from benchmarks.results import Figures, Results, figures_of
from benchmarks.sets import DataSet
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.picks import Picks

Groups = dict[str, list[DataSet]]
Make = Callable[..., Contender]
Asked = Callable[[], list[str]]
ALL = ["molecules-one", "molecules-two", "noise"]


@pytest.fixture
def run(tmp_path: Path, groups: Groups) -> Callable[..., Results]:
    """Bring a contender up to date; returns what is in the file then."""

    def once(contender: Contender, anew: bool = False) -> Results:
        fresh = {name: [DataSet.read(one.folder) for one in sets] for name, sets in groups.items()}
        bring_up_to_date(contender, fresh, Results(tmp_path / "results.json"), tmp_path / "kept", anew)
        return Results(tmp_path / "results.json")

    return once


def test_what_is_known_is_not_picked_again(run: Callable[..., Results], picker: Make, asked: Asked) -> None:
    first = run(picker())
    assert asked() == ALL
    assert run(picker()).figures == first.figures
    assert asked() == []
    run(picker(), anew=True)
    assert asked() == ALL


def test_only_what_has_changed_is_made_anew(
    run: Callable[..., Results], picker: Make, asked: Asked, groups: Groups
) -> None:
    run(picker())
    asked()
    one = groups["molecules"][1]
    formats.write({one.name: Picks(np.array([[30.0, 20.0]]))}, one.folder / "truth", "star", overwrite=True)
    found = run(picker()).get("peer", "molecules")
    assert asked() == ["molecules-two"]
    assert found is not None
    assert found.particles == 3
    run(picker(version="2"))
    assert asked() == ALL


def test_a_run_that_was_broken_off_goes_on(
    run: Callable[..., Results], picker: Make, asked: Asked, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RuntimeError, match="exit code 3"):
        run(picker(dies_on="molecules-two"))
    assert asked() == ["molecules-one", "molecules-two"]
    run(picker())
    assert asked() == ["molecules-two", "noise"]
    assert "a library's chatter" in capfd.readouterr().err


def test_the_best_variant_is_shown_with_its_cost(run: Callable[..., Results], picker: Make) -> None:
    found = run(picker()).get("peer", "molecules")
    assert found is not None
    assert (found.variant, found.ap, found.f1, found.seconds) == ("right", 1.0, 1.0, 4.0)
    assert (found.sets, found.micrographs, found.particles) == (2, 2, 5)
    assert found.each == {"molecules-one": 1.0, "molecules-two": 1.0}
    assert found.ece == pytest.approx(0.1)
    assert found.peak_mb > 1
    nothing = run(picker()).get("peer", "noise")
    assert nothing is not None
    assert math.isnan(nothing.ap)
    assert nothing.confident == 3  # of the first of two variants, as no AP tells them apart


def test_figures_of_some_wrong_and_missed_picks(groups: Groups, picker: Make) -> None:
    """Of five particles three are found, one 2 working pixels too low; one pick is wrong."""
    one, two = groups["molecules"]
    first = Picks(np.array([[20.0, 30], [40, 71]]), np.array([0.9, 0.7]))
    second = Picks(np.array([[30.0, 20], [50, 80]]), np.array([0.8, 0.75]))
    answers = [Answer({"": {one.name: first}}, {"": 1.0}), Answer({"": {two.name: second}}, {"": 3.0})]
    found = figures_of(picker(), [one, two], answers)
    assert found.ap == pytest.approx(2 / 5 + 1 / 5 * 3 / 4)
    assert (found.recall, found.precision) == (pytest.approx(3 / 5), pytest.approx(3 / 4))
    assert found.seconds == 2.0
    assert found.confident == 2
    assert (found.dy, found.dx) == (0.0, pytest.approx(2.1 / 3))
    assert sum(count for _, _, count in found.calibration) == 4
    assert found.curve[-1] == (0.6, 0.75)


def test_scores_that_are_no_probabilities_are_not_called_so(groups: Groups, picker: Make) -> None:
    from dataclasses import replace

    sets = groups["molecules"]
    answers = [Answer({"": {one.name: one.truth()[one.name]}}, {"": 1.0}) for one in sets]
    found = figures_of(replace(picker(), has_probabilities=False), sets, answers)
    assert math.isnan(found.ece)
    assert math.isnan(found.confident)
    assert found.calibration == ()


def test_the_border_counts_for_nobody(groups: Groups, picker: Make) -> None:
    one = groups["molecules"][0]
    picks = Picks(np.array([[20.0, 30], [40, 70], [2, 2]]), np.array([0.9, 0.9, 0.95]))
    assert figures_of(picker(), [one], [Answer({"": {one.name: picks}}, {"": 1.0})]).ap == 1


def test_two_runs_keep_their_figures_in_one_file(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    first, second = Results(path), Results(path)
    first.put(Figures("a", "molecules", "1", "k", ap=0.5, each={"x": 0.5}, curve=((0.1, 0.9),)))
    second.put(Figures("b", "molecules", "1", "k"))
    read = Results(path)
    assert set(read.figures) == {("a", "molecules"), ("b", "molecules")}
    found = read.get("a", "molecules")
    assert found is not None
    assert (found.ap, found.mean_ap) == (0.5, 0.5)
    assert math.isnan(found.aroc)
    assert "NaN" not in path.read_text()
    assert len(json.loads(path.read_text())) == 2
