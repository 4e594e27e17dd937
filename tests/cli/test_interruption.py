"""Interrupting a command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from napari_hydrapicker.cli.interruption import EXIT_CODE, interruptible, signals_interrupt


def test_what_is_left_is_said_when_it_is_known(caplog: pytest.LogCaptureFixture) -> None:
    done = 0
    with pytest.raises(SystemExit) as stop, interruptible(lambda: f"{done} of 3"):
        done = 2
        raise KeyboardInterrupt
    assert stop.value.code == EXIT_CODE == 130
    assert caplog.messages == ["interrupted: 2 of 3"]


def test_other_errors_and_the_end_pass(caplog: pytest.LogCaptureFixture) -> None:
    with interruptible(lambda: "nothing"):
        pass
    with pytest.raises(ValueError, match="other"), interruptible(lambda: "nothing"):
        raise ValueError("other")
    assert caplog.messages == []


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_signals_are_interruptions(name: str, caplog: pytest.LogCaptureFixture) -> None:
    number = getattr(signal, name)
    before = signal.getsignal(number)
    kept = []
    with pytest.raises(SystemExit) as stop, signals_interrupt() as met, interruptible(lambda: "2 of 3"):
        try:
            signal.raise_signal(number)
        finally:
            signal.raise_signal(number)  # a second one does not keep results from the disk
            kept.append(met.exit_code)
    assert kept == [stop.value.code] == [128 + number]
    assert caplog.messages == [f"ended by {name}: 2 of 3"]
    assert signal.getsignal(number) == before


def test_what_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with signals_interrupt() as met:
            signal.raise_signal(signal.SIGHUP)
        assert met.number is None
    finally:
        signal.signal(signal.SIGHUP, before)


TERMINAL = """
import sys, time
from napari_hydrapicker.cli.interruption import interruptible, signals_interrupt
with signals_interrupt(), interruptible(lambda: "all"):
    try:
        print("begun", flush=True)
        time.sleep(60)
    finally:
        print("to nobody" * 1000, flush=True)
        print("to nobody" * 1000, flush=True, file=sys.stderr)
        open(sys.argv[1], "w").write("kept")
"""


def test_a_terminal_that_is_closed_ends_nothing_halfway(tmp_path: os.PathLike[str]) -> None:
    ours, theirs = pytest.importorskip("pty").openpty()
    kept = os.path.join(tmp_path, "kept")
    process = subprocess.Popen(
        [sys.executable, "-c", TERMINAL, kept], stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    assert os.read(ours, 5) == b"begun"
    os.close(ours)
    process.send_signal(signal.SIGHUP)
    assert process.wait(30) == 128 + signal.SIGHUP
    with open(kept) as file:
        assert file.read() == "kept"
