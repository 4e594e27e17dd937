"""The window's end of the worker process: starts it, talks to it, ends it."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque

from napari_hydrapicker.background.messages import Broken, Cancel, Finished, Message, from_line, to_line

_PATIENCE_SECONDS = 0.8  # for a job to end by itself once it is cancelled
_STDERR_LINES = 20


class Child:
    """One worker process, started when first needed and kept until `close`.

    All methods return at once, but `close`, which takes up to about a second.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._threads: list[threading.Thread] = []
        self._inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._errors: deque[str] = deque(maxlen=_STDERR_LINES)
        self._impatient: tuple[int, float] | None = None  # job being cancelled, and until when

    @property
    def running(self) -> bool:
        """Whether there is a process."""
        return self._process is not None and self._process.poll() is None

    def send(self, message: Message) -> None:
        """Send a request; starts the process if there is none."""
        if not self.running:
            self._start()
        try:
            self._write(message)
        except OSError:
            self._inbox.put(Broken(self._obituary()))

    def poll(self) -> list[Message]:
        """Return what has come since the last call."""
        self._lose_patience()
        messages: list[Message] = []
        with contextlib.suppress(queue.Empty):
            while True:
                messages.append(self._inbox.get_nowait())
        return messages

    def cancel(self, job: int) -> None:
        """Stop a job: kindly, and after a moment by ending the process."""
        if not self.running:
            return
        with contextlib.suppress(OSError):  # it died just now: its reader says so
            self._write(Cancel(job))
        self._impatient = (job, time.monotonic() + _PATIENCE_SECONDS)

    def close(self) -> None:
        """End the process; when this returns neither it nor a thread is left."""
        self._impatient = None
        self._end()
        with contextlib.suppress(queue.Empty):
            while True:
                self._inbox.get_nowait()

    def _start(self) -> None:
        self._end()
        self._errors.clear()
        # Not multiprocessing: it would run an unguarded script of the user's a second time.
        process = self._process = subprocess.Popen(
            [sys.executable, "-m", "napari_hydrapicker.background"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        inbox = self._inbox = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._read_errors, args=(process,), daemon=True),
            threading.Thread(target=self._read_answers, args=(process, inbox), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def _write(self, message: Message) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(to_line(message))
        self._process.stdin.flush()

    def _read_errors(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            self._errors.append(line.decode(errors="replace").rstrip())

    def _read_answers(self, process: subprocess.Popen[bytes], inbox: queue.SimpleQueue[Message]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            message = from_line(line)
            if isinstance(message, Finished) and self._impatient and self._impatient[0] == message.job:
                self._impatient = None
            inbox.put(message)
        process.wait()
        self._threads[0].join(timeout=1)
        if process is self._process:  # not ended by us
            inbox.put(Broken(self._obituary()))

    def _lose_patience(self) -> None:
        if self._impatient is not None and time.monotonic() > self._impatient[1]:
            job, _ = self._impatient
            self._impatient = None
            inbox = self._inbox
            self._end()
            inbox.put(Finished(job, cancelled=True))

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(0.5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for thread in self._threads:
            thread.join(timeout=1)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):  # flushing into a process that is gone
                    pipe.close()

    def _obituary(self) -> str:
        """Say in words how the process ended."""
        code = self._process.poll() if self._process is not None else None
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            hint = ": memory may have run out; close other programs" if name == "SIGKILL" else ""
            return f"the picking process was ended from outside ({name}{hint}); pick again to go on"
        last = next((line for line in reversed(self._errors) if line.strip()), "no message")
        return f"the picking process stopped (exit code {code}: {last}); pick again to go on"
