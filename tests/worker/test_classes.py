"""Classes made by the worker."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from napari_hydrapicker.io.micrograph import open_micrograph
from napari_hydrapicker.simulation.sample import Sample
from napari_hydrapicker.training.annotated_micrograph import AnnotatedMicrograph
from napari_hydrapicker.worker.classes import classified
from napari_hydrapicker.worker.messages import (
    Broken,
    ClassFigures,
    Classified,
    Classifying,
    ClassifyRequest,
    Finished,
    from_line,
    to_line,
)
from napari_hydrapicker.worker.server import Worker


@pytest.fixture
def request_for(simulated: tuple[Path, Sample], tmp_path: Path) -> ClassifyRequest:
    path, sample = simulated
    yx = np.tile(sample.picks.yx, (3, 1))
    picked = AnnotatedMicrograph(open_micrograph(path), yx, np.empty((0, 2)))
    return ClassifyRequest(7, (picked,), sample.diameter_angstrom, 2, False, str(tmp_path / "out"))


def test_every_pick_has_a_class_and_every_class_an_average(request_for: ClassifyRequest) -> None:
    said: list[Classifying] = []
    found = classified(request_for, said.append)
    assert [one.number for one in found.classes] == list(range(1, len(found.classes) + 1))
    assert len(found.label[0]) == len(request_for.micrographs[0].yx)
    assert set(found.label[0]) == {one.number for one in found.classes}
    assert [one.size for one in found.classes] == [found.label[0].count(one.number) for one in found.classes]
    with mrcfile.open(found.averages) as stack:
        assert len(stack.data) == len(found.classes)
    assert {one.step for one in said} >= {"cutting out", "classifying"}
    assert all(one.job == 7 and 0 <= one.done <= one.total for one in said)


def test_the_messages_survive_the_pipe(request_for: ClassifyRequest) -> None:
    answer = Classified(
        7, (ClassFigures(1, 3, None, 0.5, ("few", "too small")), ClassFigures(2, 1, 12.5, 1.0, ())),
        ((1, 0, 2), ()), "/x/classes.mrcs",
    )  # fmt: skip
    for message in (request_for, answer, Classifying(7, "classifying", 3, 24)):
        assert from_line(to_line(message)) == message


def test_the_worker_ends_the_job_and_says_what_is_wrong(request_for: ClassifyRequest) -> None:
    answers = io.BytesIO()
    few = replace(request_for.micrographs[0], yx=request_for.micrographs[0].yx[:3])
    for micrographs in (request_for.micrographs, (few,)):
        request = ClassifyRequest(7, micrographs, request_for.diameter_angstrom, 2, False, request_for.folder)
        Worker(io.BytesIO(), answers)._serve(request)
    said = [from_line(line) for line in answers.getvalue().splitlines(keepends=True)]
    last = [one for one in said if not isinstance(one, Classifying)]
    assert isinstance(last[0], Classified)
    assert last[1] == Finished(7, False)
    assert isinstance(last[2], Broken)
    assert "3 picks on 1 micrograph: classes need 20" in last[2].text
