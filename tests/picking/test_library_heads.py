"""Picking with heads that are kept: which one answers, on which network, and that it never changes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import mrcfile
import numpy as np
import pytest
import torch

from napari_hydrapicker.errors import ParameterError, WeightsError
from napari_hydrapicker.hydra.head_record import HeadRecord
from napari_hydrapicker.hydra.layers import Head, ThesisHead
from napari_hydrapicker.hydra.network import Architecture, HydraPicker
from napari_hydrapicker.hydra.weights import Metadata, body_hash, load, save
from napari_hydrapicker.io.micrograph import Micrograph, open_micrograph
from napari_hydrapicker.picking.hydra import HydraNetPicker
from napari_hydrapicker.picking.library import HOME_VARIABLE, HeadLibrary, user_library
from napari_hydrapicker.picking.parameters import HydraSpec, PickParameters
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.training.annotated_micrograph import AnnotatedMicrograph
from napari_hydrapicker.training.few_shot import FewShotParameters
from napari_hydrapicker.training.finetune import finetune

SMALL = Architecture(channels=4, groups=4, dropout=0.0)
DIAMETER_ANGSTROM = 84.0


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))


def write_network(path: Path, seed: int) -> Path:
    torch.manual_seed(seed)
    model = HydraPicker(SMALL)
    model.add_head("built-in")
    meta = Metadata(heads=("generic", "built-in"), calibration={"generic": (1.0, 6.0)})
    save(model, path, meta)
    return path


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """A network of two heads that has learnt nothing."""
    return write_network(tmp_path / "net.safetensors", seed=1)


def made(network: Path, name: str = "mine", seed: int = 2, **changes: object) -> tuple[Head, HeadRecord]:
    """A head for the network that picks some cells."""
    torch.manual_seed(seed)
    head = ThesisHead(4, 4, 0.0).eval()
    with torch.no_grad():
        head.output.bias[0] = 0  # type: ignore[index]
    fields = {
        "name": name, "diameter_angstrom": DIAMETER_ANGSTROM, "created": "2026-01-02T03:04:05+00:00",
        "parent": body_hash(load(network)[0]), **SMALL.model_dump(),
    }  # fmt: skip
    return head, HeadRecord.model_validate(fields | changes)


@pytest.fixture
def micrograph(tmp_path: Path) -> Micrograph:
    path = tmp_path / "m.mrc"
    with mrcfile.new(path) as file:
        file.set_data(np.random.default_rng(5).normal(100, 9, (240, 400)).astype(np.float32))
        file.voxel_size = 2.0
    return open_micrograph(path)


def loaded(network: Path, head: str, libraries: Sequence[HeadLibrary] = ()) -> HydraNetPicker:
    folders = tuple(library.folder for library in libraries)
    return HydraNetPicker.load(HydraSpec(weights=network, head=head, libraries=folders), "cpu")


def pick(network: Path, head: str, micrograph: Micrograph) -> Picks:
    picker = loaded(network, head)
    return picker.pick_micrograph(micrograph, PickParameters(diameter_angstrom=DIAMETER_ANGSTROM), floor=0.0)


def assert_same_bits(one: Picks, other: Picks) -> None:
    assert len(one) == len(other) > 10
    assert one.yx.tobytes() == other.yx.tobytes()
    assert one.score.tobytes() == other.score.tobytes()


def train(network: Path, name: str, micrograph: Micrograph, seed: int) -> None:
    """Train a head, as the program does, and keep it."""
    model, metadata = load(network, [])
    yx = np.random.default_rng(seed).uniform(20, 220, (12, 2))
    examples = [AnnotatedMicrograph(micrograph, yx, np.empty((0, 2)))]
    quick = FewShotParameters(steps=2, batch_size=1, crop_wpx=64, memory_bytes=0, seed=seed)
    result, record = finetune(model, metadata, examples, DIAMETER_ANGSTROM, name, quick)
    user_library().add(result.head, record)


def test_picks_of_a_head_are_the_same_to_the_bit_after_two_more_are_trained(
    network: Path, micrograph: Micrograph
) -> None:
    train(network, "first", micrograph, seed=1)
    before = pick(network, "first", micrograph)
    first = loaded(network, "first")
    file = user_library().path("first").read_bytes()
    for seed, name in ((2, "second"), (3, "third")):
        train(network, name, micrograph, seed)
    assert user_library().names() == ["first", "second", "third"]
    assert user_library().path("first").read_bytes() == file
    assert_same_bits(pick(network, "first", micrograph), before)
    assert_same_bits(
        first.pick_micrograph(micrograph, PickParameters(diameter_angstrom=DIAMETER_ANGSTROM), floor=0.0),
        before,
    )
    # The later heads did learn something: the sameness is not that of an untrained head.
    assert pick(network, "third", micrograph).score.tobytes() != before.score.tobytes()


def test_a_head_knows_the_diameter_that_it_was_trained_at(network: Path, micrograph: Micrograph) -> None:
    train(network, "first", micrograph, seed=1)
    assert loaded(network, "first").head_diameter_angstrom == DIAMETER_ANGSTROM
    assert loaded(network, "generic").head_diameter_angstrom is None


def test_picks_survive_renaming_exporting_and_importing(
    network: Path, micrograph: Micrograph, tmp_path: Path
) -> None:
    library = user_library()
    library.add(*made(network))
    before = pick(network, "mine", micrograph)
    library.rename("mine", "yours")
    copy = library.export("yours", tmp_path / "a")
    library.delete("yours")
    assert_same_bits(pick(network, str(copy), micrograph), before)
    assert library.import_file(copy).name == "yours"
    assert_same_bits(pick(network, "yours", micrograph), before)


def test_a_heads_own_calibration_threshold_and_preprocessing_are_used(
    network: Path, micrograph: Micrograph
) -> None:
    head, record = made(network)
    settings = {"calibration": (2.0, -1.0), "threshold": 0.35, "preprocessing": {"whiten": 1.0}}
    user_library().add(head, record)
    user_library().add(head, record.model_copy(update={**settings, "name": "other"}))
    plain, other = (loaded(network, name) for name in ("mine", "other"))
    assert (plain.threshold, other.threshold) == (0.5, 0.35)
    assert other.metadata.preprocessing == {"whiten": 1.0}
    assert other.metadata.calibration["generic"] == (1.0, 6.0)
    same = record.model_copy(update={"calibration": (2.0, -1.0), "name": "calibrated"})
    user_library().add(head, same)
    raw, calibrated, whitened = (
        pick(network, name, micrograph).score.astype(float) for name in ("mine", "calibrated", "other")
    )
    logit = np.log(raw / (1 - raw))
    np.testing.assert_allclose(calibrated, 1 / (1 + np.exp(1 - 2 * logit)), rtol=1e-4)
    assert len(whitened) != len(calibrated) or not np.allclose(whitened, calibrated)


def test_libraries_are_searched_in_turn_and_the_users_last(network: Path, tmp_path: Path) -> None:
    project, second = HeadLibrary(tmp_path / "project"), HeadLibrary(tmp_path / "second")
    for library, threshold in ((user_library(), 0.1), (second, 0.2), (project, 0.3)):
        library.add(*made(network, threshold=threshold))
    user_library().add(*made(network, "only-mine", threshold=0.4))

    def threshold(head: str, *libraries: HeadLibrary) -> float:
        return loaded(network, head, libraries).threshold

    assert threshold("mine", project, second) == 0.3
    assert threshold("mine", second, project) == 0.2
    assert threshold("mine") == 0.1
    assert threshold("only-mine", project) == 0.4


def test_the_networks_own_heads_come_first(network: Path) -> None:
    user_library().add(*made(network, "built-in", threshold=0.1))
    assert loaded(network, "built-in").threshold == 0.5


def test_a_head_of_another_network_is_refused(network: Path, tmp_path: Path) -> None:
    other = write_network(tmp_path / "other.safetensors", seed=9)
    path = user_library().add(*made(network))
    hashes = [body_hash(load(file)[0])[:8] for file in (network, other)]
    for head in ("mine", str(path)):
        with pytest.raises(WeightsError, match=f"body {hashes[0]}, this one is {hashes[1]}"):
            loaded(other, head)


def test_an_unknown_head_is_answered_with_all_there_are(network: Path, tmp_path: Path) -> None:
    project = HeadLibrary(tmp_path / "project")
    project.add(*made(network, "ours"))
    user_library().add(*made(network, "mine"))
    with pytest.raises(ParameterError, match=r"'theirs'. Choose one of: generic, built-in, ours, mine\."):
        loaded(network, "theirs", [project])


def test_damaged_and_missing_files_are_named(network: Path, tmp_path: Path) -> None:
    path = user_library().add(*made(network))
    damaged = bytearray(path.read_bytes())
    damaged[-10] ^= 255
    path.write_bytes(damaged)
    with pytest.raises(WeightsError, match=r"mine\.safetensors: damaged"):
        loaded(network, "mine")
    with pytest.raises(WeightsError, match=r"gone\.safetensors: cannot be read"):
        loaded(network, str(tmp_path / "gone.safetensors"))
    with pytest.raises(WeightsError, match=r"net\.safetensors: a network of HydraPicker, not a head"):
        loaded(network, str(network))
