"""Records are read without torch, and damaged files refused."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from napari_hydrapicker.errors import WeightsError
from napari_hydrapicker.hydra.head_record import HeadRecord, read_record
from napari_hydrapicker.hydra.layers import Head
from napari_hydrapicker.hydra.weights import save_head
from napari_hydrapicker.io.safetensors import HEAD

Make = Callable[..., HeadRecord]


def test_a_record_is_read_without_torch(tmp_path: Path, head: Head, record_of: Make) -> None:
    path = tmp_path / "mine.safetensors"
    save_head(path, head, record_of("mine"))
    assert read_record(path) == record_of("mine")
    code = (
        "import sys; from pathlib import Path;"
        "from napari_hydrapicker.picking.library import HeadLibrary;"
        "print(len(HeadLibrary(Path(sys.argv[1])).records()), 'torch' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert told.stdout.split() == ["1", "False"], told.stderr


def write(path: Path, header: dict[str, str]) -> None:
    save_file({"a": np.zeros(3)}, path, header)


def test_what_is_no_head_is_refused(tmp_path: Path, record_of: Make) -> None:
    path = tmp_path / "a.safetensors"
    record = json.loads(record_of("mine").model_dump_json())
    cases = [
        ({"format": "other"}, "not a head of HydraPicker"),
        ({"format": HEAD}, "not JSON"),
        ({"format": HEAD, "record": "[1]"}, "invalid"),
        ({"format": HEAD, "record": json.dumps(record | {"threshold": 7})}, "threshold"),
        ({"format": HEAD, "record": json.dumps(record | {"format_version": 4})}, "newer version"),
    ]
    for header, message in cases:
        write(path, header)
        with pytest.raises(WeightsError, match=message):
            read_record(path)


def test_damaged_and_missing_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    for content in (b"", b"hello", b"\xff" * 100):
        path.write_bytes(content)
        with pytest.raises(WeightsError, match=r"a\.safetensors"):
            read_record(path)
    with pytest.raises(WeightsError, match="cannot be read"):
        read_record(tmp_path / "gone.safetensors")
