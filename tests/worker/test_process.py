"""Processes that do not keep to the rules."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from napari_hydrapicker.picking.parameters import HydraSpec, PickParameters
from napari_hydrapicker.worker.client import WorkerClient
from napari_hydrapicker.worker.messages import Broken, Finished, Message, PickRequest, from_line, to_line

Make = Callable[..., PickRequest]
Run = Callable[[str], WorkerClient]


@pytest.fixture
def run(no_thread_left: None) -> Iterator[Run]:
    """Makes children that run a script; none leaves a thread."""
    children: list[WorkerClient] = []

    def make(script: str) -> WorkerClient:
        children.append(WorkerClient((sys.executable, "-c", script)))
        return children[-1]

    yield make
    for child in children:
        child.close()


def _end(child: WorkerClient) -> Message:
    deadline = time.monotonic() + 20
    while not (heard := child.poll()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return heard[-1]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("import sys; sys.exit('no module named torch')", "exit code 1: no module named torch"),
        (
            "import sys; sys.exit('OpenBLAS error: Memory allocation still failed after 10 retries')",
            "ran out of memory: close other programs, then try again (exit code 1: OpenBLAS error",
        ),
        ("print('hello', flush=True); input()", "not a message"),
        ('import sys; sys.stdout.write(\'{"type": "Fin\'); sys.exit(3)', "exit code 3"),
        ("raise ValueError('deep inside')", "ValueError: deep inside"),
        ("import os; print('a\\xff', file=__import__('sys').stderr); os._exit(0)", "stopped by itself"),
    ],
)
def test_an_end_is_told_with_its_reason(run: Run, request_of: Make, script: str, words: str) -> None:
    child = run(script)
    child.send(request_of(1))
    broken = _end(child)
    assert isinstance(broken, Broken)
    assert words in broken.text


def test_of_an_error_only_what_it_says_is_told_not_its_trace(run: Run, request_of: Make) -> None:
    child = run("def deep():\n    return [][0]\nprint('noted', file=__import__('sys').stderr)\ndeep()")
    child.send(request_of(1))
    broken = _end(child)
    assert isinstance(broken, Broken)
    assert broken.text.endswith("(exit code 1: noted | IndexError: list index out of range)")


@pytest.mark.parametrize(
    ("faulty", "words"),
    [
        ("PickerCache.get", "the network cannot be used: ZeroDivisionError: deep inside"),
        ("Worker._serve", "stopped by itself (exit code 1: ZeroDivisionError: deep inside)"),
    ],
)
def test_a_fault_of_the_worker_itself_is_told(run: Run, request_of: Make, faulty: str, words: str) -> None:
    child = run(
        "from napari_hydrapicker.worker import server\n"
        "def fault(*_): raise ZeroDivisionError('deep inside')\n"
        f"server.{faulty} = fault\nserver.main()"
    )
    child.send(request_of(1))
    broken = _end(child)
    assert isinstance(broken, Broken)
    assert words in broken.text


def test_a_request_that_cannot_be_read_is_answered_and_the_next_one_served(tmp_path: Path) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-P", "-m", "napari_hydrapicker.worker"], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    empty = PickRequest(2, {}, PickParameters(diameter_angstrom=100), HydraSpec(), "cpu", tmp_path)
    unknown = to_line(empty).replace(b'"kind": "hydra"', b'"kind": "crystal ball"')
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write(unknown + to_line(empty))
    worker.stdin.flush()
    told = [from_line(worker.stdout.readline()) for _ in range(3)]
    worker.communicate(to_line(empty)[:40], timeout=60)  # what is cut off ends it without a word
    assert worker.returncode == 0
    assert isinstance(told[0], Broken)
    assert "cannot read a request" in told[0].text
    assert told[-1] == Finished(2, cancelled=False)


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize(
    ("signal", "words"),
    [
        ("SIGKILL", "memory may have run out"),
        ("SIGSEGV", "crashed (SIGSEGV)"),
        ("SIGTERM", "from outside (SIGTERM)"),
    ],
)
def test_signals_are_told_in_words(run: Run, request_of: Make, signal: str, words: str) -> None:
    child = run(f"import os, signal; os.kill(os.getpid(), signal.{signal})")
    child.send(request_of(1))
    broken = _end(child)
    assert isinstance(broken, Broken)
    assert words in broken.text


def test_a_program_that_is_not_there_is_told(request_of: Make) -> None:
    with WorkerClient(("no-such-program-here",)) as child:
        child.send(request_of(1))
        broken = _end(child)
        assert isinstance(broken, Broken)
        assert "cannot be started" in broken.text
        assert child.job is None


def test_a_long_request_does_not_wait_for_the_process_to_read(run: Run, request_of: Make) -> None:
    child = run("import time; time.sleep(60)")
    request = request_of(1, [Path("gone.mrc")] * 20_000)
    start = time.monotonic()
    child.send(request)
    assert time.monotonic() - start < 1
    start = time.monotonic()
    child.close()
    assert time.monotonic() - start < 1


def test_much_that_is_written_to_the_standard_error_blocks_nothing(run: Run, request_of: Make) -> None:
    child = run("import sys; sys.stderr.write('noise\\n' * 100_000); sys.exit('the end')")
    child.send(request_of(1))
    broken = _end(child)
    assert isinstance(broken, Broken)
    assert broken.text.endswith("the end)")
