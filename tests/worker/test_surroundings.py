"""The worker process among others."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import logging, os, sys
from napari_hydrapicker.worker.priority import give_way, go_on_alone
logging.basicConfig()
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
    logging.exception("into nothing")
print("still here", flush=True)
sys.exit(3)
"""


TRAINING = """
import os, threading
from napari_hydrapicker.worker import priority
weighed = []
priority.weigh_session = weighed.append
priority.stand_back(6)
policy = []
thread = threading.Thread(target=lambda: policy.append(os.sched_getscheduler(0)))
thread.start()
thread.join()
print(os.nice(0), *weighed, policy == [os.SCHED_OTHER])
"""


@pytest.mark.skipif(not hasattr(os, "SCHED_OTHER"), reason="needs Linux")
def test_a_training_is_nice_and_does_not_wait_for_idle_cores() -> None:
    done = subprocess.run([sys.executable, "-c", TRAINING], capture_output=True, check=True, text=True)
    niceness = str(min(19, os.nice(0) + 6))
    assert done.stdout.split() == [niceness, niceness, "True"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs nice")
def test_it_gives_way_and_goes_on_without_pipes() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (3, b"")
    assert int(done.stdout) == min(19, os.nice(0) + 7)
