from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.__main__ import SCRIPTS, main
from benchmarks.contenders import contenders
from benchmarks.results import Results
from benchmarks.sets import DataSet
from napari_hydrapicker.picks import Picks

ROOT = Path(__file__).parents[2]


def test_help_lists_all_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Every module is a measurement of its own, or is imported or started by another one."""
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    files = {path.stem: path.read_text() for path in (ROOT / "benchmarks").glob("*.py")}
    for name in files.keys() - {"__init__", "__main__"}:
        used = any(re.search(rf"(?:import|from|benchmarks\.|\")\W*{name}\b", text) for text in files.values())
        assert re.search(rf"^  {name} +\w", shown, re.MULTILINE) or used, name
    assert set(SCRIPTS) <= files.keys()


def test_a_measurement_gets_its_own_options() -> None:
    assert main(["offset", "--help"]) == 0
    assert main(["offset", "--nonsense"]) == 2


def test_a_picker_of_this_package_by_the_command(tmp_path: Path, groups: dict[str, list[DataSet]]) -> None:
    """The quickest of them, in its process; the report is written though most rows are not known."""
    words = [
        "report", "--sets", str(tmp_path / "sets"), "--only", "log", "--out", str(tmp_path / "docs"),
        "--results", str(tmp_path / "results.json"),
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = Results(tmp_path / "results.json").get("log", "molecules")
    assert found is not None
    assert found.seconds > 0
    assert found.peak_mb > 50
    assert found.variant.startswith("sigma")
    assert "Laplacian of a Gaussian" in (tmp_path / "docs" / "report.md").read_text()


def test_contenders_are_known_by_what_they_depend_on(
    tmp_path: Path, groups: dict[str, list[DataSet]]
) -> None:
    rows = {one.name: one for one in contenders()}
    keys = [one.key(groups["noise"][0]) for one in rows.values() if not one.is_head]
    assert len(set(keys)) == len(keys)
    other = tmp_path / "network.safetensors"
    other.write_bytes(b"another one")
    changed = {one.name: one for one in contenders(other)}
    noise = groups["noise"][0]
    assert changed["hydra"].key(noise) != rows["hydra"].key(noise)
    assert changed["log"].key(noise) == rows["log"].key(noise)
    assert rows["topaz-u64"].command is None
    assert contenders(topaz_python="python3")[-6].command is not None


def test_published_picks_are_brought_to_the_frame_of_the_micrographs(tmp_path: Path) -> None:
    """A box with its middle at x = 100, y = 4000 from below; the image is binned by 2 and upside down."""
    from napari_hydrapicker.cli.simulate import write_mrc

    folder = tmp_path / "sets" / "published-10017"
    write_mrc(folder / "micrographs" / "m.mrc", np.zeros((2048, 2048), np.int8), 3.54)  # type: ignore[arg-type]
    (folder / "truth").mkdir()
    boxes = tmp_path / "formats" / "topaz_box"
    boxes.mkdir(parents=True)
    (boxes / "m.box").write_text("10\t3910\t180\t180\t0\n11\t100\t180\t180\t2\n")
    rows = {one.name: one for one in contenders(published=tmp_path / "formats")}
    one = DataSet(folder, 180.0)
    read = rows["published-topaz"].read
    assert read is not None
    found = read(one)
    assert found is not None
    picks = found["m"]
    assert isinstance(picks, Picks)
    assert picks.yx[0].tolist() == [(4096 - 4000 + 0.5) / 2 - 0.5, (100 + 0.5) / 2 - 0.5]
    assert picks.score[0] == pytest.approx(0.5)
    assert not {one.name: one for one in contenders()}["published-topaz"].is_at_hand([one])


def test_the_page_is_made_of_today_s_template() -> None:
    """Its words are changed in the template; the tables between them come from a run."""
    page = (ROOT / "docs" / "report.md").read_text(encoding="utf-8")
    parts = re.split(r"\{\{\w+\}\}", (ROOT / "benchmarks" / "report_template.md").read_text(encoding="utf-8"))
    assert len(parts) > 5
    assert [part for part in parts if part not in page] == []
