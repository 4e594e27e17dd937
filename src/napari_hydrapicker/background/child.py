"""The window's end of the worker process: starts it, gives it jobs, ends it."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from napari_hydrapicker.background.messages import Broken, Cancel, Finished, Message, Request
from napari_hydrapicker.background.process import MessageProcess

PATIENCE_SECONDS = 0.8  # for a job to end by itself once it is cancelled


class Child:
    """One worker process, started when first needed, kept until `close`, and given one job at a time.

    All methods return at once, but `close` and `leave`, which take a fraction of a second.

    Parameters
    ----------
    command
        The program, with arguments, that speaks `messages`; by default this package's own.
    """

    def __init__(self, command: Sequence[str] | None = None) -> None:
        self._command = command
        self._process: MessageProcess | None = None
        self._dying: list[MessageProcess] = []
        self._job: int | None = None
        self._impatient_at: float | None = None

    @property
    def running(self) -> bool:
        """Whether there is a process."""
        return self._process is not None and self._process.running

    @property
    def job(self) -> int | None:
        """The job under way: until `poll` has returned `Finished` or `Broken`."""
        return self._job

    @property
    def cancelling(self) -> bool:
        """Whether the job under way was cancelled."""
        return self._impatient_at is not None

    def start(self) -> None:
        """Start the process, if there is none; what goes wrong is told by `poll` once a request was sent."""
        if not self.running:
            self._drop()
            self._process = MessageProcess(self._command or _own_command())

    def send(self, request: Request) -> None:
        """Send a request; starts the process if there is none.

        Raises
        ------
        RuntimeError
            If a job is under way still.
        """
        if self._job is not None:
            raise RuntimeError(f"job {self._job} is under way: cancel it first, and wait for its end")
        self.start()
        assert self._process is not None
        self._job = request.job
        self._process.send(request)

    def poll(self) -> list[Message]:
        """Return what has come since the last call."""
        process = self._process
        if self._job is None or process is None:
            return []
        ended = process.ended  # asked first: then nothing can come in after `receive`
        messages = process.receive()
        late = self._impatient_at is not None and time.monotonic() > self._impatient_at
        if (ended or late) and not any(map(self._is_last, messages)):
            messages.append(Finished(self._job, True) if self.cancelling else Broken(process.obituary()))
            self._drop()
        if any(map(self._is_last, messages)):
            self._job = self._impatient_at = None
        return messages

    def cancel(self, job: int) -> None:
        """Stop a job: kindly, and after `PATIENCE_SECONDS` by ending the process.

        `poll` returns `Finished` either way; a job that is not under way is none to cancel.
        """
        if job != self._job or self._process is None or self.cancelling:
            return
        self._process.send(Cancel(job))
        self._impatient_at = time.monotonic() + PATIENCE_SECONDS

    def stop(self) -> None:
        """End the process without waiting for its end; a new request starts another one."""
        self._drop()
        self._job = self._impatient_at = None

    def close(self) -> None:
        """End the process, and wait until neither it nor a thread is left."""
        self.stop()
        for process in self._dying:
            process.close()
        self._dying.clear()

    def leave(self) -> None:
        """Let the process go: a training goes on by itself and then ends, all else ends at once."""
        process, self._process = self._process, None
        if process is not None:
            process.leave()
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _is_last(self, message: Message) -> bool:
        return isinstance(message, Broken) or (isinstance(message, Finished) and message.job == self._job)

    def _drop(self) -> None:
        """Kill the process, and leave it to die in peace: freeing its memory takes a while."""
        self._dying = [process for process in self._dying if not process.ended]
        if self._process is not None:
            self._process.kill()
            self._dying.append(self._process)
            self._process = None


def _own_command() -> tuple[str, ...]:
    # Not multiprocessing: it would run an unguarded script of the user's a second time. -P: a file called
    # torch.py in the current folder is none of ours.
    return (sys.executable, "-P", "-m", "napari_hydrapicker.background")
