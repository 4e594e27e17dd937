"""A process that speaks messages through its standard input and output."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence

from napari_hydrapicker.background.messages import Message, from_line, to_line

_ERROR_LINES = 20  # of the standard error, the last ones
_QUOTED_LINES = 3
_END_SECONDS = 0.6  # for a killed process to be gone; only one stuck in a dead file server takes longer


class MessageProcess:
    """A running process with a thread at each of its pipes: none of the methods waits, but `close`.

    Parameters
    ----------
    command
        Program and arguments.

    Raises
    ------
    OSError
        If the program cannot be started.
    """

    def __init__(self, command: Sequence[str]) -> None:
        # The parent's search path, so that the child finds what the parent has found.
        path = os.pathsep.join(entry for entry in sys.path if entry)
        self._popen = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
            creationflags=_creation_flags(),
            start_new_session=True,  # Ctrl+C in napari's terminal is napari's business
        )
        self._inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._errors: deque[str] = deque(maxlen=_ERROR_LINES)
        self._writer = self._thread(self._write)
        self._readers = [self._thread(self._read_answers), self._thread(self._read_errors)]

    @property
    def pid(self) -> int:
        """The process' number."""
        return self._popen.pid

    def poll(self) -> int | None:
        """Return the exit code, None for as long as the process runs."""
        return self._popen.poll()

    @property
    def ended(self) -> bool:
        """Whether the process is gone, and all that it said is there to be received."""
        return self.poll() is not None and not any(thread.is_alive() for thread in self._readers)

    def send(self, message: Message) -> None:
        """Send a message; to a process that is gone it is lost."""
        self._outbox.put(to_line(message))

    def receive(self) -> list[Message]:
        """Return the messages that have come since the last call."""
        messages: list[Message] = []
        with contextlib.suppress(queue.Empty):
            while True:
                messages.append(self._inbox.get_nowait())
        return messages

    def kill(self) -> None:
        """End the process without waiting for it."""
        self._popen.kill()
        self._outbox.put(None)

    def close(self) -> None:
        """End the process and wait until it and the threads are gone."""
        self.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(_END_SECONDS)
        for thread in (self._writer, *self._readers):
            thread.join(_END_SECONDS if self._popen.returncode is not None else 0)

    def obituary(self) -> str:
        """Say in words how the process ended, with its last lines of standard error."""
        code = self._popen.returncode
        last = " | ".join([line for line in self._errors if line.strip()][-_QUOTED_LINES:])
        detail = f": {last}" if last else ""
        if code is None or code >= 0:
            return f"the background process stopped by itself (exit code {code}{detail})"
        known = {one.value: one.name for one in signal.Signals}
        name = known.get(-code, f"signal {-code}")
        if name == "SIGKILL":
            return (
                f"the background process was killed ({name}): memory may have run out; close other programs, "
                f"then try again{detail}"
            )
        if name in ("SIGTERM", "SIGINT", "SIGHUP"):
            return f"the background process was ended from outside ({name}){detail}"
        return f"the background process crashed ({name}){detail}"

    def _thread(self, target: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=target, name=f"hydrapicker{target.__name__}", daemon=True)
        thread.start()
        return thread

    def _write(self) -> None:
        """Write in a thread: a long request fills the pipe before the child has begun to read."""
        assert self._popen.stdin is not None
        with contextlib.suppress(OSError), self._popen.stdin as pipe:  # gone: the reader will see
            while (line := self._outbox.get()) is not None:
                pipe.write(line)
                pipe.flush()

    def _read_answers(self) -> None:
        assert self._popen.stdout is not None
        with self._popen.stdout as pipe:
            for line in pipe:
                try:
                    self._inbox.put(from_line(line))
                except ValueError as error:  # nothing that it says can be relied upon any more
                    if line.endswith(b"\n"):
                        self._errors.append(str(error))
                    self._popen.kill()
                    break
        self._popen.wait()  # leaves no zombie
        self._outbox.put(None)

    def _read_errors(self) -> None:
        assert self._popen.stderr is not None
        with self._popen.stderr as pipe:
            for line in pipe:
                self._errors.append(line.decode(errors="replace").rstrip())


def _creation_flags() -> int:
    if sys.platform == "win32":
        return subprocess.CREATE_NO_WINDOW | subprocess.BELOW_NORMAL_PRIORITY_CLASS
    return 0
