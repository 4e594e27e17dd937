"""The folder of a training by command."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_hydrapicker.cli.interruption import training_in
from napari_hydrapicker.errors import ParameterError


def test_one_training_at_a_time(tmp_path: Path) -> None:
    with (
        training_in(tmp_path / "run"),
        pytest.raises(ParameterError, match=r"--out .+: another training is writing there"),
        training_in(tmp_path / "run"),
    ):
        pass
    with training_in(tmp_path / "run"), training_in(tmp_path / "elsewhere"):
        pass


@pytest.mark.parametrize(("checkpoint", "left"), [(False, "before the first"), (True, "goes on from")])
def test_an_interruption_says_what_is_left(
    tmp_path: Path, checkpoint: bool, left: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(SystemExit), training_in(tmp_path):
        if checkpoint:
            (tmp_path / "checkpoint.safetensors").touch()
        raise KeyboardInterrupt
    assert left in caplog.text


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ParameterError, match="cannot be written"), training_in(tmp_path / "file" / "run"):
        pass
