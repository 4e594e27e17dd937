"""What a record can say."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from napari_hydrapicker.errors import WeightsError
from napari_hydrapicker.hydra.head_record import HeadRecord, parse_record


def test_a_record_comes_back_from_json(record_of: Callable[..., HeadRecord]) -> None:
    record = record_of("mine")
    assert HeadRecord.model_validate_json(record.model_dump_json()) == record


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "generic"}, "own head"),
        ({"name": "a/b"}, "cannot be the name"),
        ({"calibration": (0.0, 1.0)}, "slope"),
        ({"calibration": (float("nan"), 1.0)}, "finite"),
        ({"threshold": 1.5}, "threshold"),
        ({"diameter_angstrom": 0}, "diameter_angstrom"),
        ({"parent": "12"}, "parent"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_makes_no_sense_is_refused(
    record_of: Callable[..., HeadRecord], change: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        record_of(**({"name": "mine"} | change))


@pytest.mark.parametrize("newer", [{"kind": "wide"}, {"colour": "red"}])
def test_a_record_of_a_newer_version_is_refused_as_such(
    record_of: Callable[..., HeadRecord], newer: dict[str, object]
) -> None:
    record = record_of("mine").model_dump(mode="json") | newer
    with pytest.raises(WeightsError, match=r"(kind|colour).* newer version .*: update"):
        parse_record(Path("mine.safetensors"), {"record": json.dumps(record)})
    with pytest.raises(WeightsError, match="is invalid"):
        parse_record(Path("mine.safetensors"), {"record": json.dumps(record | {"threshold": 7})})
