"""The weight of a session."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from napari_hydrapicker.worker import priority as autogroup
from napari_hydrapicker.worker.priority import counts, weigh_session

V1 = "4:cpu,cpuacct:{}\n3:memory:/somewhere\n"


@pytest.fixture
def linux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files as Linux has them for a process in no control group, sessions being weighed."""
    (tmp_path / "proc/sys/kernel").mkdir(parents=True)
    (tmp_path / "proc/self").mkdir()
    (tmp_path / "proc/sys/kernel/sched_autogroup_enabled").write_text("1\n")
    (tmp_path / "proc/self/cgroup").write_text("0::/user.slice/session-3.scope\n")
    (tmp_path / "cgroup/user.slice/session-3.scope").mkdir(parents=True)
    monkeypatch.setattr(autogroup, "_PROC", tmp_path / "proc")
    monkeypatch.setattr(autogroup, "_CGROUPS", tmp_path / "cgroup")
    return tmp_path


def test_sessions_count_where_nothing_else_has_the_shares(linux: Path) -> None:
    assert counts()
    (linux / "proc/sys/kernel/sched_autogroup_enabled").write_text("0\n")
    assert not counts()


@pytest.mark.parametrize("group", ["", "user.slice", "user.slice/session-3.scope"])
def test_they_do_not_in_a_control_group_with_shares(linux: Path, group: str) -> None:
    (linux / "cgroup" / group / "cpu.weight").write_text("100\n")
    assert not counts()


def test_control_groups_of_the_first_version(linux: Path) -> None:
    (linux / "proc/self/cgroup").write_text(V1.format("/"))
    assert counts()
    (linux / "proc/self/cgroup").write_text(V1.format("/docker/1a2b"))
    assert not counts()


def test_other_systems_have_no_such_files(linux: Path) -> None:
    (linux / "proc/self/cgroup").unlink()
    assert not counts()


def test_a_weight_that_comes_too_soon_is_given_again(linux: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getsid", lambda _: os.getpid(), raising=False)
    written: list[str] = []

    def write(path: Path, text: str) -> None:
        written.append(text)
        if len(written) < 3:
            raise BlockingIOError

    monkeypatch.setattr(Path, "write_text", write)
    assert weigh_session(7)
    assert written == ["7"] * 3

    def refuse(path: Path, text: str) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "write_text", refuse)
    assert not weigh_session(7)


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="needs Linux with weighed sessions")
def test_only_a_session_of_its_own_is_weighed() -> None:
    program = """
from pathlib import Path
from napari_hydrapicker.worker.priority import counts, weigh_session
group = Path("/proc/self/autogroup")
before = group.read_text()
print(weigh_session(9) == counts(), group.read_text() == before, *group.read_text().split()[-1:])
"""

    def said(new_session: bool) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, check=True, text=True,
            start_new_session=new_session,
        )  # fmt: skip
        return done.stdout.split()

    assert said(new_session=True) == ["True", "False", "9"]
    # The system's first session, a container's build for one, has an empty file.
    assert said(new_session=False)[1] == "True", "this session is not its own"
