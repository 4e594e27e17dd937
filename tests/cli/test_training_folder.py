"""The folder of a training by command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from napari_hydrapicker.cli.training_folder import training_in
from napari_hydrapicker.errors import ParameterError

OTHER = """
import sys
from pathlib import Path
from napari_hydrapicker.cli.training_folder import training_in
with training_in(Path(sys.argv[1])):
    print("begun", flush=True)
    sys.stdin.read()
"""


def test_one_training_at_a_time(tmp_path: Path) -> None:
    out = tmp_path / "new" / "run"
    with subprocess.Popen(
        [sys.executable, "-c", OTHER, str(out)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout
        assert other.stdout.readline() == b"begun\n"
        with pytest.raises(ParameterError, match="another training is writing there"), training_in(out):
            pass
        with training_in(tmp_path / "elsewhere"):
            pass
        other.kill()
    with training_in(out):  # the lock dies with its process
        pass
    with training_in(out):
        pass


@pytest.mark.parametrize(("checkpoint", "left"), [(False, "before the first"), (True, "goes on from")])
def test_an_interruption_says_what_is_left(
    tmp_path: Path, checkpoint: bool, left: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit), training_in(tmp_path):
        if checkpoint:
            (tmp_path / "checkpoint.safetensors").touch()
        raise KeyboardInterrupt
    assert left in capsys.readouterr().err


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ParameterError, match="cannot be written"), training_in(tmp_path / "file" / "run"):
        pass
