from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.contenders import Contender
from benchmarks.report import Report
from benchmarks.results import Figures, Results, group_key
from benchmarks.sets import DataSet

ROOT = Path(__file__).parents[2]
Groups = dict[str, list[DataSet]]


@pytest.fixture
def report(tmp_path: Path, groups: Groups, picker: Callable[..., Contender]) -> Report:
    """Ours with a head, a peer that is better on the molecules, and a peer of long ago."""
    ours = replace(picker("hydra"), title="HydraPicker", is_ours=True)
    head = replace(picker("head-3"), title="HydraPicker, head from 3", is_ours=True)
    contenders = [ours, head, picker("peer"), picker("old")]
    results = Results(tmp_path / "results.json")
    curve = ((0.2, 1.0), (0.6, 0.7), (0.8, 0.4))
    common = Figures(
        "", "molecules", "v1", "", sets=2, micrographs=2, particles=5, aroc=0.9, f1=0.6, f1_quarter=0.7,
        ece=0.05, seconds=0.5, peak_mb=300, confident=3.0, each={"molecules-one": 0.6, "molecules-two": 0.5},
        curve=curve, calibration=((0.2, 0.1, 5), (0.8, 0.9, 20)),
    )  # fmt: skip
    for one, ap in zip(contenders, (0.6, 0.7, 0.65, 0.2), strict=True):
        key = (
            "other" if one.name == "old" else group_key(one, [s for s in groups["molecules"] if one.takes(s)])
        )
        f1 = {"hydra": 0.5, "old": 0.1}.get(one.name, 0.6)
        results.put(replace(common, contender=one.name, key=key, ap=ap, f1=f1))
        results.put(
            replace(common, contender=one.name, group="targets", key=key, ap=ap, each={"targets-x": ap})
        )
    for value, ap in (("0.5", 0.2), ("1.0", 0.6), ("10.0", 0.1)):
        results.put(replace(common, contender="hydra", group=f"stated@{value}", ap=ap))
    return Report(results, contenders, groups)


def test_a_table_has_a_row_for_each_and_marks_old_ones(report: Report) -> None:
    rows = {line.split("|")[1].strip(): line for line in report.scores(["molecules"]).splitlines()}
    assert "| 0.600 | 0.550 | 0.900 | 0.500 | 0.700 | 0.050 | 0.50 | 300 |" in rows["HydraPicker"]
    assert "**0.700**" in rows["HydraPicker, head from 3"]
    assert "Old †" in rows
    assert "Peer" in rows


def test_what_was_seen_in_training_is_marked(report: Report, groups: Groups) -> None:
    report.groups["empiar10028"] = groups["molecules"]
    for name in ("hydra", "peer"):
        found = report.results.get(name, "molecules")
        assert found is not None
        report.results.put(replace(found, group="empiar10028"))
    text = report.scores(["empiar10028"])
    assert "HydraPicker (seen)" in text
    assert "Peer (seen)" not in text


def test_where_a_peer_is_above_is_said(report: Report) -> None:
    where = "- eight molecules, usual conditions (5 particles): "
    assert report.beaten() == where + "Peer AP 0.650 (HydraPicker 0.600), F1 0.600 (0.500)"


def test_heads_stand_beside_what_they_gain(report: Report) -> None:
    assert report.heads() == "No head was trained in this run."
    report.groups["targets"] = report.groups["molecules"]
    assert "| x | 0.600 | 0.700 (+0.100) |" in report.heads()


def test_the_values_of_a_sweep_are_in_order(report: Report) -> None:
    assert report.swept("stated", "diameter").splitlines()[0] == "| AP; diameter | 0.5 | 1.0 | 10.0 |"


def test_all_is_written(report: Report, tmp_path: Path) -> None:
    report.write(ROOT / "benchmarks" / "report_template.md", tmp_path / "out")
    text = (tmp_path / "out" / "report.md").read_text()
    assert "{{" not in text
    assert "HydraPicker" in text
    with (tmp_path / "out" / "report.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    by = {(row["contender"], row["group"]): row for row in rows}
    assert by["old", "molecules"]["up_to_date"] == "False"
    assert by["hydra", "molecules"]["up_to_date"] == "True"
    assert by["hydra", "molecules"]["each"] == "molecules-one 0.600; molecules-two 0.500"
    for name in ("pr", "calibration", "sweeps"):
        with Image.open(tmp_path / "out" / "images" / f"report-{name}.png") as picture:
            assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 50


def test_a_table_that_does_not_exist_is_no_table(report: Report) -> None:
    with pytest.raises(KeyError, match="nonsense"):
        report.filled("{{nonsense}}")
