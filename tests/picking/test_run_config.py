"""The options that two runs into one folder must have in common."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from napari_hydrapicker.picking.parameters import CGanSpec, HydraSpec, NetworkFile, PickParameters, RunConfig

NETWORK = NetworkFile(name="generic.safetensors", sha256="ab" * 32)
OTHER = NetworkFile(name="generic.safetensors", sha256="cd" * 32)
OWN_HEAD = NetworkFile(name="generic")
FIRST = RunConfig(
    picker="hydra", weights=NETWORK, head=OWN_HEAD, diameter_angstrom=180.5, threshold=0.3,
    picker_options={"quality": "fast", "contrast": "dark"}, format=("csv", "star"),
)  # fmt: skip


def now(**changes: Any) -> RunConfig:
    options = {name: changes.pop(name) for name in ("quality", "contrast") if name in changes}
    return FIRST.model_copy(update={"picker_options": FIRST.picker_options | options, **changes})


def test_a_file_is_known_by_its_content(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.safetensors", "b.safetensors", "c.safetensors")]
    for path, content in zip(paths, (b"one", b"one", b"two"), strict=True):
        path.write_bytes(content)
    one, copy, other = map(NetworkFile.of, paths)
    assert one.sha256 == hashlib.sha256(b"one").hexdigest()
    assert one.identity == copy.identity != other.identity
    assert str(copy) == f"b.safetensors (SHA-256 {str(one.sha256)[:12]}...)"


def test_heads_without_a_file_are_known_by_their_name() -> None:
    assert OWN_HEAD.identity == NetworkFile(name="generic").identity
    assert OWN_HEAD.identity != NetworkFile(name="ribosome").identity
    assert NetworkFile(name="ab" * 32).identity != NETWORK.identity
    assert str(OWN_HEAD) == "generic"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        ({"weights": NETWORK.model_copy(update={"name": "moved.safetensors"})}, []),
        ({"diameter_angstrom": 181.0}, ["`diameter_angstrom` was 180.5, is 181"]),
        ({"threshold": 0.5}, ["`threshold` was 0.3, is 0.5"]),
        ({"border_angstrom": 0.0}, ["`border_angstrom` was half the diameter, is 0"]),
        ({"min_distance_angstrom": 9.0}, ["`min_distance_angstrom` was a third of the diameter, is 9"]),
        ({"use_mask": False}, ["`no_mask` was not given, is given"]),
        ({"quality": "best"}, ["`quality` was fast, is best"]),
        ({"contrast": "light"}, ["`contrast` was dark, is light"]),
        ({"overlay": True}, ["`overlay` was not given, is given"]),
        ({"format": ("box",)}, ["`format` was csv,star, is box"]),
        (
            {"weights": OTHER, "threshold": 0.4},
            [f"`weights` was {NETWORK}, is {OTHER}"],
        ),
        (
            {"head": NetworkFile(name="mine.safetensors", sha256="ef" * 32), "threshold": 0.4},
            ["`head` was generic, is mine.safetensors (SHA-256 efefefefefef...)"],
        ),
        (
            {"picker": "cgan", "weights": OTHER, "head": None, "threshold": 0.4},
            ["`picker` was hydra, is cgan"],
        ),
        (
            {"head": NetworkFile(name="other"), "diameter_angstrom": 90.0},
            ["`head` was generic, is other", "`diameter_angstrom` was 180.5, is 90"],
        ),
    ],
)
def test_each_option_that_differs_is_named(changes: dict[str, Any], said: list[str]) -> None:
    assert FIRST.differences(now(**changes)) == said


def test_whatever_is_not_the_same_is_a_difference() -> None:
    changes: dict[str, Any] = {
        "picker": "cgan", "weights": OTHER, "head": None, "threshold": 1.0, "overlay": True, "format": (),
        "picker_options": {"quality": "best"}, "diameter_angstrom": 1.0, "border_angstrom": 1.0,
        "min_distance_angstrom": 1.0, "use_mask": False,
    }  # fmt: skip
    assert changes.keys() == RunConfig.model_fields.keys()
    assert all(FIRST.differences(FIRST.model_copy(update={name: one})) for name, one in changes.items())


def test_the_record_follows_from_what_is_picked_with() -> None:
    parameters = PickParameters(diameter_angstrom=90, use_mask=False)
    spec = HydraSpec(weights=Path("a"), head="mine", libraries=(Path("b"),), quality="best", contrast="light")
    made = RunConfig.of(spec, (NETWORK, OWN_HEAD), parameters, 0.3, ("star", "box"), overlay=True)
    assert (made.diameter_angstrom, made.use_mask) == (90, False)
    assert made.picker_options == {"quality": "best", "contrast": "light"}
    assert (made.picker, made.format, made.overlay) == ("hydra", ("box", "star"), True)
    tiled = RunConfig.of(
        spec.model_copy(update={"tile_wpx": 512}), (NETWORK, OWN_HEAD), parameters, 0.3, ("box", "star"), True
    )
    assert not made.differences(tiled), "tiles and places of files do not matter"
    split = [RunConfig.of(CGanSpec(split=one), (OTHER, None), parameters, 0.3) for one in (True, False)]
    assert split[0].differences(split[1]) == ["`no_split` was not given, is given"]


FLAT = {
    "picker": "hydra", "weights": NETWORK.model_dump(), "head": OWN_HEAD.model_dump(),
    "diameter_angstrom": 180.5, "border_angstrom": None, "threshold": 0.3, "no_mask": False,
    "no_split": False, "overlay": False, "format": ["csv", "star"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "now_is"),
    [
        ({}, {}),
        ({"no_mask": True, "border_angstrom": 20.0}, {"use_mask": False, "border_angstrom": 20.0}),
        ({"quality": "best", "contrast": "light"}, {"quality": "best", "contrast": "light"}),
    ],
)
def test_records_of_earlier_versions_are_read(changes: dict[str, Any], now_is: dict[str, Any]) -> None:
    assert RunConfig.model_validate_json(json.dumps(FLAT | changes)) == now(**now_is)


def test_a_record_of_the_other_picker_of_an_earlier_version() -> None:
    flat = FLAT | {"picker": "cgan", "head": None, "no_split": True, "quality": "fast", "contrast": "dark"}
    assert RunConfig.model_validate(flat).picker_options == {"split": False}


def test_a_damaged_record_is_refused_as_any_other_model_is() -> None:
    with pytest.raises(ValidationError, match="diameter_angstrom"):
        RunConfig.model_validate(FLAT | {"diameter_angstrom": -1})


def test_nothing_changes_on_its_way_through_a_file() -> None:
    odd = now(diameter_angstrom=180.1 + 0.2, threshold=0.1 + 0.2, border_angstrom=1 / 3)
    assert RunConfig.model_validate_json(odd.model_dump_json()) == odd
