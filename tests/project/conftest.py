"""Makers of labels and projects for these tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st

from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.project.labels import Labels
from napari_hydrapicker.project.project import Project


def make_labels(ids: list[int], offset: float = 0.0, deleted: bool = False) -> Labels:
    """Labels whose values follow from their numbers, rows and columns different."""
    n = np.array(ids, np.int64)
    return Labels(
        id=n,
        yx=np.stack([n + offset, 2.5 * n + offset], axis=1),
        score=(n % 100).astype(np.float32) / 100,
        source=np.zeros(len(n), np.int8),
        deleted=np.full(len(n), deleted),
    )


def any_labels() -> st.SearchStrategy[Labels]:
    """Labels of up to 20 rows, with every kind of value."""
    number = st.integers(1, 10**12)
    place = st.floats(-1e4, 1e5, allow_nan=False)
    score = st.one_of(st.just(np.nan), st.floats(0, 1, width=32))
    row = st.tuples(number, place, place, score, st.integers(0, 3), st.booleans())
    return st.lists(row, max_size=20, unique_by=lambda r: r[0]).map(
        lambda rows: Labels(
            np.array([r[0] for r in rows], np.int64),
            np.array([r[1:3] for r in rows]).reshape(-1, 2),
            np.array([r[3] for r in rows], np.float32),
            np.array([r[4] for r in rows], np.int8),
            np.array([r[5] for r in rows], np.bool_),
        )
    )


@pytest.fixture
def micrographs(tmp_path: Path) -> list[Micrograph]:
    """Three micrographs whose files exist, not square."""
    made = []
    for name in ("m10", "m2", "m1"):
        path = tmp_path / f"{name}.mrc"
        path.write_bytes(b"only its place counts")
        made.append(Micrograph(path, (300, 470), 1.5))
    return made


@pytest.fixture
def project(tmp_path: Path, micrographs: list[Micrograph]) -> Iterator[Project]:
    """A project with three micrographs."""
    made = Project.create(tmp_path / "work.hydrapicker")
    made.add_micrographs(micrographs)
    yield made
    made.close()


@pytest.fixture
def reopened(project: Project) -> Iterator[Callable[[], Project]]:
    """Closes the project and opens it anew."""
    opened: list[Project] = []

    def reopen() -> Project:
        project.close()
        for one in opened:
            one.close()
        opened.append(Project.open(project.path))
        return opened[-1]

    yield reopen
    for one in opened:
        one.close()
