"""What a run says, and which heads it keeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_hydrapicker.errors import OutOfMemoryError, ParameterError
from napari_hydrapicker.hydra import layers as head_module
from napari_hydrapicker.hydra.network import Architecture, HydraPicker
from napari_hydrapicker.training.assembly import TrainingData
from napari_hydrapicker.training.multi_head import MultiHeadProgress
from napari_hydrapicker.training.phases import Run, multi_head_line, single_head_line
from napari_hydrapicker.training.single_head import Progress
from napari_hydrapicker.training.sources import Crop, LabelledMicrograph, RealSource
from napari_hydrapicker.training.validation import MultiHeadAP

BATCHES = {"single": "batches", "multi": "multi_head"}  # modules that make batches
TINY = {"steps": 1, "batch_size": 1, "crop_wpx": 32}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(head_module, "STAGE_CHANNELS", (8, 8, 8, 8))
    torch.manual_seed(0)
    image = np.random.default_rng(0).normal(size=(48, 64)).astype(np.float32)
    micrograph = LabelledMicrograph(image, np.ones(image.shape, bool), np.array([[20.0, 30]]))
    sources = [RealSource(name, [micrograph]) for name in ("a", "b set")]
    held = Crop(image, micrograph.yx, np.empty((0, 2)))
    data = TrainingData(list(sources), [1, 1], [], ["a", "b set"], {"a": [held]})

    return Run(HydraPicker(Architecture(channels=4, groups=4)), data, tmp_path, 60.0, print)


def test_a_single_head_run(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    trained = run.single_head(**TINY)
    assert capsys.readouterr().out.startswith("step 1/1  loss")
    assert trained.model.head_names == ("generic",)
    assert {name: len(crops) for name, crops in trained.validation.items()} == {"generic": 1}
    assert trained.parameters["crop_wpx"] == 32
    assert trained.parameters["lambda_cls"] == 4.0


def test_a_multi_head_run_keeps_the_heads_that_are_wanted(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    trained = run.multi_head(["b-set"], **TINY)
    assert "\n  a: AP" in capsys.readouterr().out
    assert trained.model.head_names == ("generic", "b-set")
    assert set(trained.validation) == {"generic", "a", "b-set"}
    assert trained.parameters["lambda_bias"] == 0.1


def test_a_head_that_there_will_not_be_is_refused_before_training(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"`keep_heads` c: .* choose among a, b-set"):
        run.multi_head(["a", "c"], **TINY)
    assert list(tmp_path.iterdir()) == []


def test_lines_of_progress() -> None:
    assert single_head_line(Progress(3, 9, 1.23456, 0.5, 61.7)) == (
        "step 3/9  loss 1.235 (localisation 0.500)  62 s"
    )
    line = single_head_line(Progress(3, 9, 1, 0.5, 61, 120, {"a": 0.75, "b": 0.5}))
    assert line.endswith("61 s, 2 min left  validation AP: a 0.750, b 0.500")
    plain = MultiHeadProgress(3, 9, 1.2, 0.5, 0.01, 61.7)
    assert multi_head_line(plain) == (
        "step 3/9  loss 1.200 (localisation 0.500)  heads' distance 0.0100  62 s"
    )
    ap = MultiHeadAP(0.7, {"a": 0.8}, {"a": 0.6})
    lines = multi_head_line(MultiHeadProgress(9, 9, 1.2, 0.5, 0.01, 61.7, ap)).splitlines()
    assert lines[0].endswith("validation AP, generic 0.700")
    assert lines[1:] == ["  a: AP 0.800, generic 0.600"]


@pytest.mark.parametrize("phase", ["single", "multi"])
@pytest.mark.parametrize(
    ("happens", "error", "words"),
    [
        ("DefaultCPUAllocator: can't allocate memory", OutOfMemoryError, "`batch` or `crop`"),
        ("another", RuntimeError, "^another$"),
    ],
)
def test_memory_that_runs_out_is_said_in_words(
    run: Run, phase: str, happens: str, error: type[Exception], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError(happens)

    monkeypatch.setattr(f"napari_hydrapicker.training.{BATCHES[phase]}.batch_of", fail)
    with pytest.raises(error, match=words):
        run.single_head(**TINY) if phase == "single" else run.multi_head(["a"], **TINY)
