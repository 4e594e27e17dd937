"""The options that two runs into one folder must have in common."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from napari_hydrapicker.picking.run_config import NetworkFile, RunConfig

NETWORK = NetworkFile(name="generic.safetensors", sha256="ab" * 32)
OTHER = NetworkFile(name="generic.safetensors", sha256="cd" * 32)
OWN_HEAD = NetworkFile(name="generic")
FIRST = RunConfig(
    picker="hydra", weights=NETWORK, head=OWN_HEAD, diameter_angstrom=180.5, border_angstrom=None,
    threshold=0.3, no_mask=False, no_split=False, overlay=False, format=("csv", "star"),
)  # fmt: skip


def now(**changes: Any) -> RunConfig:
    return FIRST.model_copy(update=changes)


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
        ({"no_mask": True}, ["`no_mask` was not given, is given"]),
        ({"no_split": True}, ["`no_split` was not given, is given"]),
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


def test_all_options_are_compared() -> None:
    changes = {
        "picker": "cgan", "weights": OTHER, "head": None, "diameter_angstrom": 1.0, "border_angstrom": 1.0,
        "threshold": 1.0, "no_mask": True, "no_split": True, "overlay": True, "format": (),
        "quality": "best", "contrast": "light",
    }  # fmt: skip
    assert changes.keys() == RunConfig.model_fields.keys()
    assert all(FIRST.differences(now(**{name: value})) for name, value in changes.items())


def test_nothing_changes_on_its_way_through_a_file() -> None:
    odd = now(diameter_angstrom=180.1 + 0.2, threshold=0.1 + 0.2, border_angstrom=1 / 3)
    assert RunConfig.model_validate_json(odd.model_dump_json()) == odd
