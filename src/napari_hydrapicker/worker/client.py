"""The window's end of the worker process: starts it, exchanges messages, gives it jobs, ends it.

Not Qt's `QProcess`: that kills its process when it is deleted, while a training outlives its window, and a
process that it starts detached has no pipes. Pauses are no reason: to start one took it 1.5 ms, and a thread
3.0 ms (median of 12, in a process of 1.2 GB on two busy cores).
"""

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
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from napari_hydrapicker.worker.errors import LOG_MARK, reports_no_memory
from napari_hydrapicker.worker.messages import Broken, Cancel, Finished, Message, Request, from_line, to_line

_ERROR_LINES = 20  # of the standard error, the last ones
_QUOTED_LINES = 3
_END_SECONDS = 0.6  # for a killed process to be gone; only one stuck in a dead file server takes longer
_DETACH_SECONDS = 5.0  # for a process to have read all messages

PATIENCE_SECONDS = 0.8  # for a job to end by itself once it is cancelled


class MessageProcess:
    """A process with a thread at each of its pipes: none of the methods waits, but `close` and `leave`.

    It is started in a thread too, since that can take a tenth of a second on a busy machine.

    Parameters
    ----------
    command
        Program and arguments.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._popen: subprocess.Popen[bytes] | None = None
        self._unstartable: OSError | None = None
        self._killed = False
        self._starting = threading.Lock()
        self._inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._outbox: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._errors: deque[str] = deque(maxlen=_ERROR_LINES)
        self._readers: list[threading.Thread] = []
        self._started = threading.Event()
        self._writer = _thread("start-and-write", lambda: self._start_and_write(command))

    @property
    def pid(self) -> int | None:
        """The process' number, once it is started; None if it cannot be."""
        self._started.wait()
        return None if self._popen is None else self._popen.pid

    @property
    def ended(self) -> bool:
        """Whether the process is gone, and all its messages are there to be received."""
        if not self._started.is_set():
            return False
        gone = self._popen is None or self._popen.poll() is not None
        return gone and not any(thread.is_alive() for thread in self._readers)

    @property
    def running(self) -> bool:
        """Whether there is a process, or will be."""
        return not self._started.is_set() or (self._popen is not None and self._popen.poll() is None)

    def send(self, message: Message) -> None:
        """Send a message; to a process that is gone it is lost."""
        self._outbox.put(message)

    def receive(self) -> list[Message]:
        """Return the messages that have come since the last call."""
        messages: list[Message] = []
        with contextlib.suppress(queue.Empty):
            while True:
                messages.append(self._inbox.get_nowait())
        return messages

    def kill(self) -> None:
        """End the process without waiting for it."""
        with self._starting:  # either it is there to be killed, or it will be once it is started
            self._killed = True
            if self._popen is not None:
                self._popen.kill()
        self._outbox.put(None)

    def close(self) -> None:
        """End the process and wait until it and the threads are gone."""
        self.kill()
        self._started.wait()
        if self._popen is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(_END_SECONDS)
        stuck = self._popen is not None and self._popen.returncode is None
        for thread in (self._writer, *self._readers):
            thread.join(0 if stuck else _END_SECONDS)

    def leave(self) -> None:
        """Close the pipe to the process once all messages are written; what it does then is its own affair.

        One of the threads stays until it ends.
        """
        self._outbox.put(None)
        self._writer.join(_DETACH_SECONDS)

    def exit_message(self) -> str:
        """Return in words how the process ended, with its last lines of standard error."""
        if self._popen is None:
            return f"the worker process cannot be started ({self._unstartable})"
        code = self._popen.returncode
        last = " | ".join([line for line in self._errors if _says_something(line)][-_QUOTED_LINES:])
        detail = f": {last}" if last else ""
        if code is None or code >= 0:
            short = "ran out of memory: close other programs, then try again"
            how = short if reports_no_memory(last) else "stopped by itself"
            return f"the worker process {how} (exit code {code}{detail})"
        known = {one.value: one.name for one in signal.Signals}
        name = known.get(-code, f"signal {-code}")
        if name == "SIGKILL":
            return (
                f"the worker process was killed ({name}): memory may have run out; close other programs, "
                f"then try again{detail}"
            )
        if name in ("SIGTERM", "SIGINT", "SIGHUP"):
            return f"the worker process was ended from outside ({name}){detail}"
        return f"the worker process crashed ({name}){detail}"

    def _start_and_write(self, command: Sequence[str]) -> None:
        """Start, then write in this thread: a long request fills the pipe before the worker reads."""
        try:
            popen = _popen(command)
        except OSError as error:
            self._unstartable = error
            self._started.set()
            return
        assert popen.stdin is not None
        with self._starting:
            self._popen = popen
            if self._killed:
                popen.kill()
        self._readers = [
            _thread("read-answers", lambda: self._read_answers(popen)),
            _thread("read-errors", lambda: self._read_errors(popen)),
        ]
        self._started.set()
        with contextlib.suppress(OSError), popen.stdin as pipe:  # gone: the reader will see
            while (message := self._outbox.get()) is not None:
                pipe.write(to_line(message))  # here: a request of 5,000 micrographs takes 0.05 s
                pipe.flush()

    def _read_answers(self, popen: subprocess.Popen[bytes]) -> None:
        assert popen.stdout is not None
        with popen.stdout as pipe:
            for line in pipe:
                try:
                    self._inbox.put(from_line(line))
                except ValueError as error:  # none of its messages can be relied upon any more
                    if line.endswith(b"\n"):
                        self._errors.append(str(error))
                    popen.kill()
                    break
        popen.wait()  # leaves no zombie
        self._outbox.put(None)

    def _read_errors(self, popen: subprocess.Popen[bytes]) -> None:
        assert popen.stderr is not None
        with popen.stderr as pipe:
            for line in pipe:
                self._errors.append(line.decode(errors="replace").rstrip())


def _popen(command: Sequence[str]) -> subprocess.Popen[bytes]:
    # The parent's search path, so that the worker finds what the window has found.
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
        creationflags=_creation_flags(),
        start_new_session=True,  # Ctrl+C in napari's terminal is napari's business, as is its closing
    )


def _says_something(line: str) -> bool:
    """Whether a line is more than the trace of an error and its heading, which are for a bug report."""
    return bool(line) and not line.startswith((" ", "Traceback ", LOG_MARK))


def _creation_flags() -> int:
    if sys.platform == "win32":
        return subprocess.CREATE_NO_WINDOW | subprocess.BELOW_NORMAL_PRIORITY_CLASS
    return 0


def _thread(name: str, target: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=target, name=f"hydrapicker-{name}", daemon=True)
    thread.start()
    return thread


class WorkerClient:
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
        self._ending: list[MessageProcess] = []
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
        """Start the process, if there is none; `poll` reports what goes wrong once a request was sent."""
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
            messages.append(Finished(self._job, True) if self.cancelling else Broken(process.exit_message()))
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
        for process in self._ending:
            process.close()
        self._ending.clear()

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
        """Kill the process, and do not wait: freeing its memory takes a while."""
        self._ending = [process for process in self._ending if not process.ended]
        if self._process is not None:
            self._process.kill()
            self._ending.append(self._process)
            self._process = None


def _own_command() -> tuple[str, ...]:
    # Not multiprocessing: it would run an unguarded script of the user's a second time. -P: a file called
    # torch.py in the current folder is none of ours.
    return (sys.executable, "-P", "-m", "napari_hydrapicker.worker")
