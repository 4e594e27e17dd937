"""Settings: ranges and what follows from the diameter."""

from pathlib import Path

import pytest

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.session import Session
from napari_hydrapicker.project.settings import PickSettings


def test_the_least_distance_follows_from_the_diameter() -> None:
    assert PickSettings(diameter_angstrom=210).distance_angstrom == pytest.approx(70)
    assert PickSettings(min_distance_angstrom=0.0).distance_angstrom == 0


@pytest.mark.parametrize(
    "wrong",
    [{"diameter_angstrom": 0}, {"diameter_angstrom": float("nan")}, {"threshold": 1.1}, {"device": "tpu"},
     {"threshold": float("nan")}, {"border_angstrom": -1}, {"picker": "topaz"}],
)  # fmt: skip
def test_values_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        PickSettings.model_validate(wrong)


def test_settings_of_another_version_are_read_as_far_as_known() -> None:
    assert PickSettings.model_validate({"threshold": 0.25, "unknown": 1}).threshold == 0.25
    assert PickSettings.model_validate({"head": "mine"}).picker == "hydra"


def test_a_project_from_before_there_was_a_choice_of_picker_opens(tmp_path: Path) -> None:
    path = tmp_path / "p.hydrapicker"
    old = PickSettings(head="mine").model_dump(exclude={"picker"})
    project = Project.create(path)
    project.set_setting("pick", old)
    project.close()
    session = Session(lambda: PickSettings(picker="cgan"))
    session.use(Project.open(path))
    assert (session.settings.head, session.settings.picker) == ("mine", "hydra")
    session.update(picker="cgan")
    session.close()
    again = Session()
    again.use(Project.open(path))
    assert again.settings.picker == "cgan"
    again.close()
