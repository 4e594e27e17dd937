"""What a record can say."""

from collections.abc import Callable

import pytest
from pydantic import ValidationError

from napari_hydrapicker.hydra.head_record import HeadRecord


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
