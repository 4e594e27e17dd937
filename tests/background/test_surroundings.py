"""The worker process among others."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import os, sys
from pathlib import Path
from napari_hydrapicker.background.surroundings import give_way, go_on_alone, print_trace, weigh_session
give_way(3)
give_way(4)
group = Path("/proc/self/autogroup")
before = group.read_text() if group.exists() else ""
weigh_session(9)
assert not before or group.read_text() == before, "this session is not its own"
answers = os.dup(1)
os.write(answers, str(os.nice(0)).encode())
go_on_alone(answers)
for descriptor in (1, 2, answers):
    os.write(descriptor, b"into nothing")
try:
    1 / 0
except ZeroDivisionError:
    print_trace()
print("still here", flush=True)
sys.exit(3)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs nice")
def test_it_gives_way_and_goes_on_without_pipes() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (3, b"")
    assert int(done.stdout) == min(19, os.nice(0) + 7)
