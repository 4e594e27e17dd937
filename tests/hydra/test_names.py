"""Names that heads can have."""

import pytest
from torch import nn

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.hydra.head_record import check_head_name, free_name


@pytest.mark.parametrize("name", ["a", "EMPIAR-10017_b", "0", "x" * 64])
def test_names_that_can_be_used(name: str) -> None:
    check_head_name(name)


@pytest.mark.parametrize(
    "name", ["", "a.b", "a b", "a/b", "../a", "é", "x" * 65, "a\n", "__init__", "NUL", "com1"]
)
def test_names_that_cannot_be_used(name: str) -> None:
    with pytest.raises(ParameterError, match="cannot be the name of a head"):
        check_head_name(name)


def test_no_head_can_hide_an_attribute_of_torch() -> None:
    for name in dir(nn.ModuleDict()):
        if not name.startswith("_"):
            with pytest.raises(ParameterError, match="reserved"):
                check_head_name(name)


def test_a_name_that_is_taken_gets_a_number() -> None:
    assert free_name("a", ["b"]) == "a"
    assert free_name("a", ["a", "a-2", "a-4"]) == "a-3"
    long = free_name("x" * 64, ["x" * 64])
    check_head_name(long)
    assert long.endswith("-2")
