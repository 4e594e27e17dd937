"""Joining several lists of picks: clusters, votes, centres and joint scores."""

from __future__ import annotations

from itertools import permutations
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.picking.consensus import DOUBT, Consensus, consensus
from napari_hydrapicker.picks import Picks

DISTANCE_PX = 10.0
NOTHING = Picks(np.empty((0, 2)))


def from_rows(rows: list[tuple[float, float, float]]) -> Picks:
    table = np.array(rows).reshape(-1, 3)
    return Picks(table[:, :2], table[:, 2])


# Few distinct places on a strip of 30 x 90 px, so that ties, chains and duplicates are common.
row = st.tuples(
    st.integers(0, 60).map(lambda n: n / 2),
    st.integers(0, 180).map(lambda n: n / 2),
    st.sampled_from([0.0, 0.25, 0.5, 1.0, float("nan")]),
)
some_lists = st.lists(st.lists(row, max_size=12).map(from_rows), min_size=1, max_size=4).map(
    lambda found: {f"list {n}": picks for n, picks in enumerate(found)}
)


def logit(p: float) -> float:
    return float(np.log(p / (1 - p)))


def contents(joined: Consensus) -> tuple[bytes, bytes, bytes]:
    return joined.picks.yx.tobytes(), joined.picks.score.tobytes(), joined.votes.tobytes()


@settings(deadline=None)
@given(some_lists, st.randoms(use_true_random=False))
def test_order_of_lists_and_of_picks_does_not_matter(lists: dict[str, Picks], random: Random) -> None:
    expected = contents(consensus(lists, DISTANCE_PX))
    for names in permutations(lists):
        assert contents(consensus({name: lists[name] for name in names}, DISTANCE_PX)) == expected
    shuffled = {}
    for name, picks in lists.items():
        order = list(range(len(picks)))
        random.shuffle(order)
        shuffled[name] = picks.select(np.array(order, np.intp))
    assert contents(consensus(shuffled, DISTANCE_PX)) == expected


@settings(deadline=None)
@given(some_lists)
def test_every_pick_is_in_one_cluster_and_no_cluster_is_too_wide(lists: dict[str, Picks]) -> None:
    joined = consensus(lists, DISTANCE_PX)
    assert joined.names == tuple(lists)
    for column, picks in zip(joined.member.T, lists.values(), strict=True):
        assert sorted(column[column >= 0]) == list(range(len(picks)))
    assert ((joined.picks.score >= 0) & (joined.picks.score <= 1)).all()
    assert (np.diff(joined.picks.score) <= 0).all()
    for centre, votes, members in zip(joined.picks.yx, joined.votes, joined.member, strict=True):
        yx = np.array([one.yx[i] for one, i in zip(lists.values(), members, strict=True) if i >= 0])
        assert votes == len(yx) >= 1
        assert np.linalg.norm(yx[:, None] - yx[None], axis=-1).max() <= DISTANCE_PX
        assert (yx.min(axis=0) - 1e-9 <= centre).all()
        assert (centre <= yx.max(axis=0) + 1e-9).all()


@settings(deadline=None)
@given(some_lists)
def test_close_picks_of_different_lists_are_left_apart_only_for_a_reason(lists: dict[str, Picks]) -> None:
    if len(lists) != 2:
        lists = dict(list(lists.items())[:1]) | {"other": from_rows([(3.0, 50.0, 0.5)])}
    joined = consensus(lists, DISTANCE_PX)
    one, other = lists.values()
    a = one.yx[joined.member[joined.member[:, 1] < 0, 0]]
    b = other.yx[joined.member[joined.member[:, 0] < 0, 1]]
    # Two lists: whoever is left alone in one has nobody left alone in the other nearby.
    assert not (np.linalg.norm(a[:, None] - b[None], axis=-1) <= DISTANCE_PX).any()


def test_centres_votes_and_members_of_an_asymmetric_case() -> None:
    first = from_rows([(20.0, 300.0, 0.9), (70.0, 40.0, 0.4)])
    second = from_rows([(5.0, 150.0, 0.3), (26.0, 297.0, 0.3)])
    joined = consensus({"first": first, "second": second}, DISTANCE_PX)
    both = int(np.flatnonzero(joined.votes == 2)[0])
    assert joined.picks.yx[both] == pytest.approx(
        [(0.9 * 20 + 0.3 * 26) / 1.2, (0.9 * 300 + 0.3 * 297) / 1.2]
    )
    assert joined.member[both].tolist() == [0, 1]
    assert sorted(joined.votes.tolist()) == [1, 1, 2]
    assert {tuple(yx) for yx in np.delete(joined.picks.yx, both, axis=0)} == {(70.0, 40.0), (5.0, 150.0)}


def test_joint_score_by_hand() -> None:
    first = from_rows([(20.0, 300.0, 0.9), (70.0, 40.0, 0.4)])
    second = from_rows([(20.0, 300.0, 0.6)])
    joined = consensus({"first": first, "second": second}, DISTANCE_PX)
    # `second` has 0.9 of the 0.9 + 0.4 that `first` has; one more pick in the denominator.
    odds = 0.4 / 0.6 * (1 - 0.9 / (1 + 1.3))
    expected = [1 / (1 + np.exp(-(logit(0.9) + logit(0.6)) / 2)), odds / (1 + odds)]
    assert joined.picks.score == pytest.approx(sorted(expected, reverse=True))


def test_the_closest_pair_joins_whatever_the_scores() -> None:
    first = from_rows([(10.0, 50.0, 0.9)])
    second = from_rows([(10.0, 58.0, 0.99), (10.0, 47.0, 0.1)])
    joined = consensus({"first": first, "second": second}, DISTANCE_PX)
    assert joined.member[joined.votes == 2].tolist() == [[0, 1]]


def test_a_chain_is_cut_where_it_gets_too_wide() -> None:
    chain = {name: from_rows([(12.0, x, 0.5)]) for name, x in (("a", 40.0), ("b", 46.0), ("c", 53.0))}
    joined = consensus(chain, DISTANCE_PX)
    assert sorted(joined.votes.tolist()) == [1, 2]
    assert joined.member[joined.votes == 2].tolist() == [[0, 0, -1]]


def test_distance_is_inclusive() -> None:
    lists = {"a": from_rows([(3.0, 4.0, 0.5)]), "b": from_rows([(9.0, 12.0, 0.5)])}
    assert consensus(lists, 10.0).votes.tolist() == [2]
    assert consensus(lists, 9.999).votes.tolist() == [1, 1]


def test_silence_of_a_list_that_finds_everything_weighs_more() -> None:
    places = [(10.0 + 30 * i, 400.0 - 50 * i, 0.8) for i in range(12)]
    lonely = from_rows([*places, (15.0, 900.0, 0.8)])
    thorough, sparse = from_rows(places), from_rows(places[:3])
    with_thorough = consensus({"a": lonely, "b": thorough}, DISTANCE_PX)
    with_sparse = consensus({"a": lonely, "b": sparse}, DISTANCE_PX)
    # In both, the last pick is one that the other list does not have.
    assert with_thorough.votes[-1] == with_sparse.votes[-1] == 1
    assert with_thorough.picks.score[-1] < with_sparse.picks.score[-1] < 0.8


def test_scores_that_are_absent_count_as_certain() -> None:
    alone = consensus({"manual": Picks(np.array([[7.0, 90.0]]))}, DISTANCE_PX)
    assert alone.picks.score == pytest.approx([1 - DOUBT])


def test_weight_pulls_centre_and_score() -> None:
    lists = {"a": from_rows([(10.0, 100.0, 0.8)]), "b": from_rows([(14.0, 100.0, 0.2)])}
    even, uneven = consensus(lists, DISTANCE_PX), consensus(lists, DISTANCE_PX, {"b": 4.0})
    assert even.picks.yx[0] == pytest.approx([10.8, 100.0])
    assert uneven.picks.yx[0] == pytest.approx([12.0, 100.0])
    assert uneven.picks.score[0] < even.picks.score[0] == pytest.approx(0.5)


def test_a_weight_however_great_leaves_scores_between_0_and_1() -> None:
    places = [(10.0 + 30 * i, 400.0 - 50 * i, 0.8) for i in range(12)]
    lists = {"a": from_rows([*places, (15.0, 900.0, 0.8)]), "b": from_rows(places)}
    score = consensus(lists, DISTANCE_PX, {"b": 1e4}).picks.score
    assert score[:12] == pytest.approx(0.8)
    assert 0 <= score[12] < 1e-6


def test_empty_lists() -> None:
    joined = consensus({"a": NOTHING, "b": NOTHING}, DISTANCE_PX)
    assert len(joined.picks) == len(joined.votes) == 0
    assert joined.member.shape == (0, 2)
    joined = consensus({"a": NOTHING, "b": from_rows([(5.0, 80.0, 0.7)])}, DISTANCE_PX)
    # A list that is empty here has shown nothing of what it can find: its silence says nothing.
    assert joined.picks.score == pytest.approx([0.7])
    assert joined.member.tolist() == [[-1, 0]]


def test_diameter_is_kept_and_clusters_are_selected() -> None:
    lists = {
        "a": Picks(np.array([[7.0, 90.0], [40.0, 8.0]]), diameter_px=50.0),
        "b": from_rows([(7.0, 91.0, 0.5)]),
    }
    joined = consensus(lists, DISTANCE_PX)
    assert joined.picks.diameter_px == 50.0
    two = joined.select(joined.votes >= 2)
    assert (len(two.picks), two.votes.tolist(), two.member.tolist()) == (1, [2], [[0, 0]])


@pytest.mark.parametrize(
    ("lists", "distance_px", "weights", "message"),
    [
        ({}, 5.0, None, "at least one"),
        ({"a": NOTHING}, 0.0, None, "distance"),
        ({"a": NOTHING}, float("nan"), None, "distance"),
        ({"a": NOTHING}, 5.0, {"b": 1.0}, "weight for b"),
        ({"a": NOTHING}, 5.0, {"a": -1.0}, "weight of a"),
        ({"a": from_rows([(1.0, 2.0, 1.5)])}, 5.0, None, "scores of a"),
    ],
)
def test_bad_input_is_named(
    lists: dict[str, Picks], distance_px: float, weights: dict[str, float] | None, message: str
) -> None:
    with pytest.raises(ParameterError, match=message):
        consensus(lists, distance_px, weights)
