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

    All methods return at once, but `close`, which takes a fraction of a second.

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
        self._unsaid: list[Message] = []

    @property
    def running(self) -> bool:
        """Whether there is a process."""
        return self._process is not None and self._process.poll() is None

    @property
    def job(self) -> int | None:
        """The job under way: until `poll` has returned `Finished` or `Broken`."""
        return self._job

    def start(self) -> None:
        """Start the process, if there is none: it loads its libraries until the first request comes.

        What goes wrong is told by `poll` once a request was sent.
        """
        if self.running:
            return
        self._drop()
        try:
            self._process = MessageProcess(self._command or _own_command())
        except OSError as error:
            self._unsaid.append(Broken(f"the background process cannot be started ({error})"))

    def send(self, request: Request) -> None:
        """Send a request; starts the process if there is none.

        Raises
        ------
        RuntimeError
            If a job is under way still.
        """
        if self._job is not None:
            raise RuntimeError(f"job {self._job} is under way: cancel it first, and wait for its end")
        self._unsaid.clear()
        self.start()
        self._job = request.job
        if self._process is not None:
            self._process.send(request)

    def poll(self) -> list[Message]:
        """Return what has come since the last call."""
        if self._job is None:
            return []
        messages, self._unsaid = self._unsaid, []
        process = self._process
        if process is not None:
            ended = process.ended  # asked first: then nothing can come in after `receive`
            messages += process.receive()
            late = self._impatient_at is not None and time.monotonic() > self._impatient_at
            if (ended or late) and not any(map(self._is_last, messages)):
                cancelled = self._impatient_at is not None
                end = Finished(self._job, True) if cancelled else Broken(process.obituary())
                messages.append(end)
                self._drop()
        if any(map(self._is_last, messages)):
            self._job = self._impatient_at = None
        return messages

    def cancel(self, job: int) -> None:
        """Stop a job: kindly, and after `PATIENCE_SECONDS` by ending the process.

        `poll` returns `Finished` either way; a job that is not under way is none to cancel.
        """
        if job != self._job or self._process is None or self._impatient_at is not None:
            return
        self._process.send(Cancel(job))
        self._impatient_at = time.monotonic() + PATIENCE_SECONDS

    def close(self) -> None:
        """End the process; when this returns neither it nor a thread is left. A new request restarts it."""
        self._drop()
        for process in self._dying:
            process.close()
        self._dying.clear()
        self._unsaid.clear()
        self._job = self._impatient_at = None

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
