"""Making a cGAN picker in the worker process, on the smallest of trainings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from napari_hydrapicker.cgan import weights
from napari_hydrapicker.cgan.background import Patch
from napari_hydrapicker.errors import MicrographError, ParameterError, WeightsError
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picking.library import GeneratorLibrary, bundled_generator
from napari_hydrapicker.simulation.sample import Sample
from napari_hydrapicker.training import cgan_publish
from napari_hydrapicker.training.cgan import CGanParameters
from napari_hydrapicker.training.cgan_data import PairMaker
from napari_hydrapicker.worker import cgan_training as making
from napari_hydrapicker.worker.job_directory import CHECKPOINT, JobDirectory
from napari_hydrapicker.worker.messages import Made, MakeRequest, Training
from napari_hydrapicker.worker.training import trained

Make = Callable[..., MakeRequest]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "PairMaker", partial(PairMaker, side_wpx=64))
    monkeypatch.setattr(making, "CGanParameters", partial(CGanParameters, batch_size=1))
    monkeypatch.setattr(making, "_REPORT_SECONDS", 0.0)
    monkeypatch.setattr(making.os, "cpu_count", lambda: 1)
    monkeypatch.setattr(cgan_publish, "HELD_OUT_PAIRS", 1)


@pytest.fixture
def request_for(simulated: tuple[Path, Sample], tmp_path: Path) -> Make:
    """Makes requests for two steps' training on that micrograph, which is not square."""
    path, sample = simulated
    micrograph = Micrograph(path, (480, 640), sample.pixel_size_angstrom)
    request = MakeRequest(
        1, "mine", (micrograph,), sample.diameter_angstrom, 30, 2, "cpu",
        (str(tmp_path / "a"), str(tmp_path / "b")), tmp_path / "job",
    )  # fmt: skip
    return partial(replace, request)


def test_a_generator_is_made_told_of_and_kept(request_for: Make, tmp_path: Path) -> None:
    request, said = request_for(), list[Training]()
    JobDirectory(request.folder).begin(request)
    save = trained(request, said.append)
    stages = [(p.stage, p.done, p.total) for p in said]
    assert stages == [
        ("backgrounds", 0, 1), ("training", 1, 2), ("training", 2, 2), ("testing", 0, 1),
    ]  # fmt: skip
    assert said[2].loss is not None
    assert JobDirectory(request.folder).resumable() == request, "a crash before it is saved loses nothing"
    made = save()
    assert isinstance(made, Made)
    assert (made.job, made.name, made.backgrounds, made.steps) == (1, "mine", 1, 2)
    for folder in request.libraries:
        assert GeneratorLibrary(Path(folder)).names() == ["mine"]
    _, meta = weights.load(tmp_path / "b" / "mine.safetensors")
    assert meta.training["background_micrographs"] == 1
    synthesis = meta.training["synthesis"]
    assert isinstance(synthesis, dict)
    assert synthesis["coverage"] != [0.05, 0.7], "the number has a say"
    assert not JobDirectory(request.folder).work.exists()


def test_it_goes_on_where_it_was(request_for: Make) -> None:
    making.make(request_for(), lambda _: None)
    said: list[Training] = []
    making.make(request_for(steps=3), said.append)
    assert [p.done for p in said if p.stage == "training"] == [3]


def test_a_name_that_was_taken_meanwhile_gets_a_number(request_for: Make, tmp_path: Path) -> None:
    request = request_for()
    result = making.make(request, lambda _: None)
    GeneratorLibrary(tmp_path / "b").add(bundled_generator() or Path(), "mine")
    assert making.save(request, result).name == "mine-2"
    assert GeneratorLibrary(tmp_path / "a").names() == ["mine-2"]


def test_crowded_micrographs_leave_simulated_noise(
    request_for: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    none: list[Patch] = []
    monkeypatch.setattr(making, "free_patches", lambda working: none)
    result = making.make(request_for(), lambda _: None)
    assert result.backgrounds == 0
    assert result.meta.training["simulated_share"] == 1.0


def test_a_micrograph_that_is_gone_is_passed_over_unless_all_are(
    request_for: Make,
) -> None:
    request = request_for()
    gone = Micrograph(Path("gone.mrc"), (480, 640), 1.5)
    both = replace(request, micrographs=(gone, *request.micrographs))
    assert making.make(both, lambda _: None).backgrounds == 1
    with pytest.raises(MicrographError, match=r"gone\.mrc"):
        making.make(replace(request, micrographs=(gone,)), lambda _: None)


def test_what_does_not_fit_is_refused(request_for: Make) -> None:
    with pytest.raises(ParameterError, match="100000 of them, do not fit"):
        making.make(request_for(number=100_000), lambda _: None)
    with pytest.raises(ParameterError, match="particle of"):
        making.make(request_for(diameter_angstrom=4000.0), lambda _: None)


def test_a_damaged_checkpoint_is_told(request_for: Make) -> None:
    request = request_for()
    work = JobDirectory(request.folder).work
    work.mkdir(parents=True)
    (work / CHECKPOINT).write_bytes(b"12345678" * 9)
    with pytest.raises(WeightsError, match="cannot go on"):
        making.make(request, lambda _: None)


def test_figures_of_a_generator_that_finds_nothing_are_none(request_for: Make) -> None:
    request = request_for()
    result = making.make(request, lambda _: None)
    blind = replace(result, meta=result.meta.model_copy(update={"training": {"held_out": {}}}))
    made = making.save(request, blind)
    assert (made.precision, made.recall) == (None, None)
    assert np.isfinite(made.seconds)
