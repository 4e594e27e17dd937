"""The worker process among others."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import os, sys
from napari_hydrapicker.background.surroundings import give_way, go_on_alone, print_trace
give_way(3)
give_way(4)
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


IDLE = """
import os, threading
from napari_hydrapicker.background import surroundings
surroundings.weigh_session = lambda niceness: {own}
surroundings.stand_back(6)
policy = []
thread = threading.Thread(target=lambda: policy.append(os.sched_getscheduler(0)))
thread.start()
thread.join()
print(os.nice(0), policy == [os.SCHED_IDLE], policy == [os.SCHED_OTHER])
"""


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="needs Linux")
@pytest.mark.parametrize("own", [True, False])
def test_it_waits_for_idle_cores_only_with_a_share_of_its_own(own: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IDLE.format(own=own)], capture_output=True, check=True, text=True
    )
    assert done.stdout.split() == [str(min(19, os.nice(0) + 6)), str(own), str(not own)]


@pytest.mark.skipif(sys.platform == "win32", reason="needs nice")
def test_it_gives_way_and_goes_on_without_pipes() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (3, b"")
    assert int(done.stdout) == min(19, os.nice(0) + 7)
