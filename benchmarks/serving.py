"""A picker in a process of its own, which is asked line by line, and measured there.

Only Python's own library is used: pickers of others run in environments of their own.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Json = dict[str, Any]
_KIB = 1024
_RESET_PEAK = "5"  # to /proc/self/clear_refs: the peak begins anew at what is in use now


def serve(answer: Callable[[Json], Json]) -> None:
    """Answer each line of standard input, a job as JSON, with a line; add the process' peak memory."""
    out, sys.stdout = sys.stdout, sys.stderr  # what a library prints is no answer
    for line in sys.stdin:
        forget_peak()
        made = answer(json.loads(line))
        print(json.dumps({**made, "peak_mb": peak_mb()}), file=out, flush=True)


def forget_peak() -> None:
    """Begin to measure peak memory anew, where the system can."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text(_RESET_PEAK)


def peak_mb() -> float:
    """Peak of the process' resident memory, megabytes, since `forget_peak` where the system tells that."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        kib = next(float(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        kib = used / _KIB if sys.platform == "darwin" else used
    return round(kib * _KIB / 1e6, 1)


class Worker:
    """A process that serves; it starts with the first job."""

    def __init__(self, command: list[str]) -> None:
        self.command = command
        self._process: subprocess.Popen[str] | None = None

    def ask(self, job: Json) -> Json:
        """Have a job done.

        Raises
        ------
        RuntimeError
            If the process ends before it has answered.
        """
        if self._process is None:
            self._process = subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                cwd=Path(__file__).parents[1], env={**os.environ, "OMP_NUM_THREADS": "1"},
            )  # fmt: skip
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # then there is no answer either
            print(json.dumps(job), file=process.stdin, flush=True)
        line = process.stdout.readline()
        if not line:
            code = self.close()
            words = " ".join(self.command)
            raise RuntimeError(f"a picker ended with exit code {code}; its last words are above: {words}")
        answer: Json = json.loads(line)
        return answer

    def close(self) -> int:
        """End the process; returns its exit code."""
        process, self._process = self._process, None
        if process is None:
            return 0
        with contextlib.suppress(BrokenPipeError):  # it may have ended before it read all
            process.communicate()
        return process.returncode


@contextlib.contextmanager
def working(command: list[str]) -> Iterator[Worker]:
    """Give a worker, and end it afterwards."""
    worker = Worker(command)
    try:
        yield worker
    finally:
        worker.close()


def seconds_of(work: Callable[[], Any]) -> tuple[Any, float]:
    """What some work returns, and the processor time of all threads that it took."""
    begun = time.process_time()
    made = work()
    return made, time.process_time() - begun
