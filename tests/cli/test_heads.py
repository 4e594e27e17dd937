"""`hydrapicker heads` on a library of two."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from napari_hydrapicker.cli.main import run
from napari_hydrapicker.hydra import weights
from napari_hydrapicker.hydra.head_record import HeadRecord, MicrographUse
from napari_hydrapicker.hydra.layers import ThesisHead
from napari_hydrapicker.hydra.network import Architecture, HydraPicker
from napari_hydrapicker.hydra.weights import Metadata
from napari_hydrapicker.picking import library as bundled
from napari_hydrapicker.picking.library import HOME_VARIABLE, HeadLibrary, user_library

ROW = ["ribosome", "300", "1", "83", "0.700", "0.910", "held-out", "2026-01-02"]


@pytest.fixture(autouse=True)
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HeadLibrary:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "140")
    torch.manual_seed(0)
    kept = user_library()
    for name, after in (("ribosome", 0.91), ("tiny", 0.5)):
        use = MicrographUse(name="m1", sha256="0" * 64, use="training", particles=83)
        record = HeadRecord(
            name=name, diameter_angstrom=300, created="2026-01-02T03:04:05+00:00", parent="a" * 64,
            channels=4, groups=4, dropout=0.3, micrographs=(use,),
            figures_before={"validation_ap": 0.7}, figures_after={"validation_ap": after},
        )  # fmt: skip
        kept.add(ThesisHead(4, 4, 0.3), record)
    return kept


def test_list(
    capsys: pytest.CaptureFixture[str], library: HeadLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    (library.folder / "bad.safetensors").write_bytes(b"no")
    assert run(["heads", "list"]) == 0
    said = capsys.readouterr()
    for word in ("ribosome", "tiny", "300", "83", "0.700", "0.910", "held-out", "2026-01-02"):
        assert word in said.out
    assert said.out.splitlines()[-1].endswith(f"has the heads {', '.join(bundled.head_names())}")
    assert "bad.safetensors" in said.err
    monkeypatch.setenv("COLUMNS", "80")  # nothing is cut off or folded
    assert run(["heads", "list"]) == 0
    assert any(line.split() == ROW for line in capsys.readouterr().out.splitlines())
    assert run(["heads", "list", "--json"]) == 0
    assert [one["name"] for one in json.loads(capsys.readouterr().out)] == ["ribosome", "tiny"]


def test_an_empty_library_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["heads", "list", "--library", str(tmp_path / "none")]) == 0
    assert "finetune" in capsys.readouterr().out


def test_show_and_compare(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["heads", "show", "tiny"]) == 0
    assert json.loads(capsys.readouterr().out)["figures_after"] == {"validation_ap": 0.5}
    assert run(["heads", "compare", "tiny", "ribosome"]) == 0
    said = capsys.readouterr().out
    assert said.index("tiny") < said.index("ribosome")
    lines = [line.split("  ") for line in said.splitlines()]
    cells = {line[0].strip(): [cell.strip() for cell in line[1:] if cell.strip()] for line in lines}
    assert cells["AP, held-out, before"] == ["0.700", "0.700"]
    assert cells["AP, held-out, after"] == ["0.500", "0.910"]
    assert cells["trained on"] == ["1 (83 particles)", "1 (83 particles)"]
    assert cells["network's body"] == ["aaaaaaaa", "aaaaaaaa"]
    assert "measured on different" not in said
    assert run(["heads", "compare", "tiny", "none"]) == 2


def test_what_cannot_be_compared_is_said(library: HeadLibrary, capsys: pytest.CaptureFixture[str]) -> None:
    use = MicrographUse(name="m2", sha256="1" * 64, use="validation", particles=10)
    record = library.record("tiny").model_copy(
        update={"name": "other", "micrographs": (use,), "parent": "b" * 64}
    )
    library.add(ThesisHead(4, 4, 0.3), record)
    assert run(["heads", "compare", "tiny", "other"]) == 0
    said = capsys.readouterr().out
    assert "measured on different micrographs or marks" in said
    assert "trained on different networks" in said


def test_figures_of_marks_alone_are_not_told_as_held_out(
    library: HeadLibrary, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = {"validation_marks_ap": 0.8, "validation_marks_f1": 0.75}
    update = {"name": "few", "figures_before": figures, "figures_after": figures}
    library.add(ThesisHead(4, 4, 0.3), library.record("tiny").model_copy(update=update))
    assert run(["heads", "list"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if "marks" in line)
    assert line.split()[4:7] == ["0.800", "0.800", "marks"]
    assert run(["heads", "compare", "tiny", "few"]) == 0
    said = capsys.readouterr().out
    assert "F1, marks, after" in said
    assert "measured on different" in said


def test_listing_does_not_load_torch(library: HeadLibrary) -> None:
    code = (
        "import sys; from napari_hydrapicker.cli.main import run;"
        "assert run(['heads', 'list', '--json']) == 0; print('torch' in sys.modules, file=sys.stderr)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert len(json.loads(told.stdout)) == 2
    assert told.stderr.split() == ["False"]


def test_deleting_is_asked_for(
    library: HeadLibrary, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for answer in ("", "n\n"):  # nobody there, and a no
        monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
        assert run(["heads", "delete", "tiny"]) == 2
        assert "--yes" in capsys.readouterr().err
    assert library.names() == ["ribosome", "tiny"]
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert run(["heads", "delete", "tiny"]) == 0
    assert library.names() == ["ribosome"]


def test_rename_and_delete(library: HeadLibrary, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["heads", "rename", "tiny", "small"]) == 0
    assert library.names() == ["ribosome", "small"]
    assert run(["heads", "delete", "small", "--yes"]) == 0
    assert library.names() == ["ribosome"]
    capsys.readouterr()
    assert run(["heads", "delete", "small", "--yes"]) == 2
    assert "no head called 'small'" in capsys.readouterr().err


def test_export_and_import(tmp_path: Path, library: HeadLibrary, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["heads", "export", "tiny", str(tmp_path)]) == 0
    assert run(["heads", "export", "tiny", str(tmp_path)]) == 2
    copy = str(tmp_path / "tiny.safetensors")
    assert run(["heads", "import", copy]) == 2  # the name is taken
    assert run(["heads", "import", copy, "--name", "mine"]) == 0
    assert library.names() == ["mine", "ribosome", "tiny"]
    capsys.readouterr()
    (tmp_path / "a.safetensors").write_text("no head")
    assert run(["heads", "import", str(tmp_path / "a.safetensors")]) == 2
    assert "a.safetensors" in capsys.readouterr().err


def test_no_name_is_taken_that_the_network_has_itself(
    tmp_path: Path,
    library: HeadLibrary,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = HydraPicker(Architecture(channels=4, groups=4))
    network.add_head("own")
    path = tmp_path / "network" / "net.safetensors"
    path.parent.mkdir()
    weights.save(network, path, Metadata())
    monkeypatch.setattr(bundled, "bundled_path", lambda: path)
    assert run(["heads", "rename", "tiny", "own"]) == 2
    assert run(["heads", "export", "tiny", str(tmp_path)]) == 0
    copy = str(tmp_path / "tiny.safetensors")
    capsys.readouterr()
    assert run(["heads", "import", copy, "--name", "own"]) == 2
    assert "of its own" in capsys.readouterr().err
    assert run(["heads", "import", str(tmp_path)]) == 2
    assert "it is a folder" in capsys.readouterr().err
    assert library.names() == ["ribosome", "tiny"]
