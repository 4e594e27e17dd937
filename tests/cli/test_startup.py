"""What the commands load before they pick: what is not needed makes every short run longer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import mrcfile
import numpy as np

# Each takes a tenth of a second to seconds to load.
_OF_OTHERS = {
    "PIL", "dask", "distributed", "lightning", "lightning_fabric", "matplotlib", "napari", "pandas", "qtpy",
    "skimage", "sklearn", "torchvision", "watchdog",
}  # fmt: skip
_TO_COMPUTE = {"scipy", "torch"}
_PROGRAM = (
    "import sys\nfrom napari_hydrapicker.cli.main import run\ncode = run(sys.argv[1:])\n"
    "print('LOADED', *{name.split('.')[0] for name in sys.modules})\nsys.exit(code)"
)


def _loaded_by(*arguments: str, code: int = 0) -> set[str]:
    """Return the modules that a command has loaded, by their first names."""
    command = [sys.executable, "-c", _PROGRAM, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return set(done.stdout.rpartition("LOADED")[2].split())


def test_options_are_refused_before_anything_is_loaded() -> None:
    loaded = _loaded_by("pick", "a.mrc", "--diameter", "180", code=2)
    assert "numpy" in loaded
    assert loaded & (_OF_OTHERS | _TO_COMPUTE) == set()


def test_a_run_loads_what_it_computes_with_and_no_more(weights: Path, tmp_path: Path) -> None:
    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_data(np.random.default_rng(0).normal(0, 3, (130, 210)).astype(np.float32))
        file.voxel_size = 2.0
    out = tmp_path / "out"
    options = ["--diameter", "50", "--weights", str(weights), "--device", "cpu", "--out", str(out)]
    loaded = _loaded_by("pick", str(tmp_path / "a.mrc"), *options)
    assert (out / "summary.csv").is_file()
    assert loaded >= _TO_COMPUTE
    assert loaded & _OF_OTHERS == set()
