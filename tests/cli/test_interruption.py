"""Interrupting a command."""

from __future__ import annotations

import pytest

from napari_hydrapicker.cli.interruption import EXIT_CODE, interruptible


def test_what_is_left_is_said_when_it_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    done = 0
    with pytest.raises(SystemExit) as stop, interruptible(lambda: f"{done} of 3"):
        done = 2
        raise KeyboardInterrupt
    assert stop.value.code == EXIT_CODE == 130
    assert capsys.readouterr().err == "interrupted: 2 of 3\n"


def test_other_errors_and_the_end_pass(capsys: pytest.CaptureFixture[str]) -> None:
    with interruptible(lambda: "nothing"):
        pass
    with pytest.raises(ValueError, match="other"), interruptible(lambda: "nothing"):
        raise ValueError("other")
    assert capsys.readouterr().err == ""
