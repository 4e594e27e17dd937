"""`hydrapicker train`, with a tiny network in place of the full one."""

from __future__ import annotations

from pathlib import Path

import mrcfile
import numpy as np
import pytest

from napari_hydrapicker.cli.main import run
from napari_hydrapicker.hydra import layers as head_module
from napari_hydrapicker.hydra import network as model_module
from napari_hydrapicker.hydra import weights
from napari_hydrapicker.hydra.network import Architecture
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.picks import Picks

SMALL = ("--views", "4", "--crop", "64", "--batch", "1", "--device", "cpu", "--validate-every", "1")
MULTI = ("--procedural", "1", "--phase", "multi-head", "--init", "n")


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    class Tiny(model_module.HydraPicker):
        def __init__(self, architecture: Architecture | None = None) -> None:
            super().__init__(architecture or Architecture(channels=4, groups=4))

    monkeypatch.setattr(model_module, "HydraPicker", Tiny)
    monkeypatch.setattr(head_module, "STAGE_CHANNELS", (16, 16, 16, 16))


def train(out: Path, *options: str) -> int:
    return run(["train", "--out", str(out), *SMALL, *options])


def test_two_steps_make_a_network_that_knows_where_it_comes_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    options = ("--procedural", "3", "--held-out", "procedural-1001", "--steps", "2")
    assert train(out, *options) == 0
    said = capsys.readouterr().out
    assert "2 data sets (0 real), 4 validation images" in said
    assert "step 2/2" in said
    assert "validation AP" in said
    network, metadata = weights.load(out / "network.safetensors")
    assert network.architecture.kind == "compact"
    assert metadata.training["simulated"] == ["procedural-1000", "procedural-1002"]
    assert metadata.training["held_out"] == ["procedural-1001"]
    assert metadata.preprocessing["whiten"] == 0.5
    assert isinstance(metadata.training["parameters"], dict)
    assert metadata.training["parameters"]["crop_wpx"] == 64
    assert 0.05 <= metadata.thresholds["generic"] <= 0.95
    assert metadata.calibration["generic"][0] > 0
    assert train(out, *options) == 0  # all steps are done
    assert "step 2/2" not in (said := capsys.readouterr().out)
    assert "other settings" not in said
    assert metadata.training["earlier"] == []
    assert train(out, *options[:-1], "3", "--views", "5") == 0
    assert "made with other settings: views 4 then, 5 now; steps 2 then, 3 now" in capsys.readouterr().out
    (earlier,) = weights.read_metadata(out / "network.safetensors").training["earlier"]  # type: ignore[misc]
    assert (earlier["steps"], earlier["views"]) == (2, 4)  # type: ignore[call-overload,index]


def test_labelled_micrographs_and_a_network_to_start_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, labels = tmp_path / "images", tmp_path / "labels"
    images.mkdir()
    rng = np.random.default_rng(0)
    for name in ("one", "two"):
        with mrcfile.new(images / f"{name}.mrc") as file:
            file.set_data(rng.normal(0, 1, (180, 260)).astype(np.float32))
            file.voxel_size = 4.0
        formats.write({name: Picks(rng.uniform(20, 160, (6, 2)))}, labels, "star")
    real = ("--real", f"set:{images}:{labels}:168", "--held-out", "two", "--procedural", "1")
    assert train(tmp_path / "first", *real, "--steps", "1") == 0
    assert "2 data sets (1 real), 1 validation image" in capsys.readouterr().out
    init = tmp_path / "first" / "network.safetensors"
    assert weights.read_metadata(init).training["real"] == ["set"]
    assert train(tmp_path / "second", *real, "--steps", "1", "--init", str(init)) == 0
    seen = [
        weights.read_metadata(tmp_path / name / "network.safetensors").training["parameters"]
        for name in ("first", "second")
    ]
    # A trained one is believed from the beginning where it finds what is not labelled.
    assert [one["trusted_from"] for one in seen] == [2000, 0]
    first, second = (weights.load(tmp_path / f / "network.safetensors")[0] for f in ("first", "second"))
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    changes = [float((one - other).detach().abs().max()) for one, other in pairs]
    assert 0 < max(changes) < 0.1  # went on from there, not from scratch


def test_a_head_for_each_data_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = ("--procedural", "3", "--held-out", "procedural-1001", "--steps", "1")
    assert train(tmp_path / "single", *data) == 0
    init = str(tmp_path / "single" / "network.safetensors")
    out = tmp_path / "multi"
    options = ("--phase", "multi-head", "--init", init, *data, "--keep-heads", "procedural-1002")
    options += ("--lambda-bias", "0.5", "--bias-form", "squared", "--optimiser", "sgd")
    assert train(out, *options) == 0
    said = capsys.readouterr().out
    assert "procedural-1000: AP" in said
    _, metadata = weights.load(out / "network.safetensors")
    assert metadata.heads == ("generic", "procedural-1002")
    assert set(metadata.calibration) == set(metadata.thresholds) == set(metadata.heads)
    assert metadata.training["phase"] == "multi-head"
    assert metadata.training["groups"] == {}
    parameters = metadata.training["parameters"]
    assert isinstance(parameters, dict)
    assert (parameters["lambda_bias"], parameters["bias_form"]) == (0.5, "squared")
    assert parameters["optimiser"] == "sgd"
    assert train(out, *options) == 0  # all steps are done
    assert "step 1/1" not in capsys.readouterr().out


def test_structures_that_share_a_head(tmp_path: Path) -> None:
    data = ("--procedural", "3", "--held-out", "procedural-1001", "--steps", "1")
    assert train(tmp_path / "single", *data) == 0
    init = str(tmp_path / "single" / "network.safetensors")
    group = ("--group", "both = procedural-1000, procedural-1002")
    assert train(tmp_path / "multi", "--phase", "multi-head", "--init", init, *data, *group) == 0
    metadata = weights.read_metadata(tmp_path / "multi" / "network.safetensors")
    assert metadata.heads == ("generic", "both")
    assert metadata.training["groups"] == {"both": ["procedural-1000", "procedural-1002"]}


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--procedural", "0"), "--structures"),
        (("--procedural", "1", "--real", "a:b"), "--real a:b"),
        (("--procedural", "1", "--held-out", "procedural-1000"), "held out"),
        (("--procedural", "1", "--device", "abacus"), "--device abacus"),
        (("--procedural", "1", "--structures", "none.pdb"), "none.pdb"),
        (("--procedural", "1", "--init", "none.safetensors"), "none.safetensors"),
        (("--procedural", "1", "--phase", "multi-head"), "--init"),
        (("--procedural", "1", "--phase", "multi-head", "--cooldown", "3"), "--cooldown: not for"),
        (("--procedural", "1", "--keep-heads", "a"), "--keep-heads: not for"),
        (("--procedural", "1", "--group", "a=procedural-1000"), "--group: not for"),
        (("--procedural", "1", "--phase", "multi-head", "--init", "n", "--group", "a="), "--group a=: give"),
        (("--procedural", "1", "--optimiser", "adam"), "--optimiser: not for"),
        (("--procedural", "1", "--lambda-bias", "1"), "--lambda-bias: not for"),
        (("--procedural", "1", "--real-share", "2"), "a share of 2 of real"),
        (("--procedural", "1", "--steps", "0"), "--steps 0: give 1 or more"),
        (("--procedural", "-1"), "--procedural -1: give 0 or more"),
        (("--procedural", "1", "--views", "0"), "--views 0"),
        (("--procedural", "1", "--batch", "0"), "--batch 0"),
        (("--procedural", "1", "--crop", "8"), "--crop 8"),
        (("--procedural", "1", "--cooldown", "-1"), "--cooldown -1"),
        (("--procedural", "1", "--validate-every", "0"), "--validate-every 0"),
        (("--procedural", "1", "--rate", "0"), "--rate 0: give a number above 0"),
        (("--procedural", "1", "--minutes", "nan"), "--minutes nan"),
        (("--procedural", "1", "--rate", "inf"), "--rate inf"),
        ((*MULTI, "--lambda-bias", "-1"), "--lambda-bias -1: give 0 or more"),
        ((*MULTI, "--lambda-bias", "nan"), "--lambda-bias nan"),
        ((*MULTI, "--group", "a=b", "--group", "a=c"), "--group a=c: 'a' is there twice"),
    ],
)
def test_options_that_make_no_sense(
    tmp_path: Path, options: tuple[str, ...], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(tmp_path / "out", "--steps", "1", *options) == 2
    assert named in capsys.readouterr().err


def test_a_damaged_checkpoint_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "checkpoint.safetensors").write_bytes(b"damaged")
    assert train(tmp_path, "--procedural", "1", "--steps", "1") == 2
    assert "checkpoint.safetensors" in capsys.readouterr().err


@pytest.mark.parametrize("options", [("--init", "none.safetensors"), ("--init", "."), ("--out", "file/run")])
def test_no_data_are_made_in_vain(
    tmp_path: Path,
    options: tuple[str, str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def load(*_: object) -> None:
        raise AssertionError("in vain")

    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    monkeypatch.setattr("napari_hydrapicker.training.data_sets.load_clouds", load)
    assert train(tmp_path / "out", "--procedural", "1", *options) == 2
    said = capsys.readouterr().err
    assert options[1] in said
    assert said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("done", "left"), [(0, "before the first checkpoint"), (2, "the same command goes on")]
)
def test_an_interruption_says_what_is_left(
    tmp_path: Path, done: int, left: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_hydrapicker.training.single_head import _SingleHead

    step = _SingleHead.step

    def interrupted(phase: _SingleHead, number: int) -> tuple[float, float]:
        if number == done:
            raise KeyboardInterrupt
        return step(phase, number)

    monkeypatch.setattr(_SingleHead, "step", interrupted)
    assert train(tmp_path / "run", "--procedural", "1", "--steps", "3") == 130
    said = capsys.readouterr().err
    assert said.startswith(f"hydrapicker: warning: interrupted: {left}")
    assert said.count("\n") == 1
    assert (tmp_path / "run" / "checkpoint.safetensors").exists() == bool(done)


def test_a_network_is_made_deeper_or_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, deeper = tmp_path / "first", tmp_path / "deeper"
    assert train(first, "--procedural", "1", "--steps", "1", "--blocks", "1,1,1") == 0
    start = ("--procedural", "1", "--steps", "1", "--init", str(first / "network.safetensors"))
    assert train(deeper, *start, "--blocks", "1,2,1") == 0
    network, _ = weights.load(deeper / "network.safetensors")
    assert network.architecture.blocks == (1, 2, 1)
    capsys.readouterr()
    for blocks, options, message in (
        ("1,2", start, "--blocks 1,2: give three numbers from 1 to 32"),
        ("0,2,2", start, "--blocks 0,2,2: give three numbers"),
        ("1,x,1", start, "--blocks 1,x,1: give three numbers"),
        ("1,2,1", ("--procedural", "1", "--network", "thesis"), "--blocks: not with --network thesis"),
    ):
        assert train(tmp_path / "no", *options, "--blocks", blocks) == 2
        assert message in capsys.readouterr().err
