"""Parts of files that may be compressed."""

import bz2
import gzip
import tracemalloc

import numpy as np
import pytest

from napari_hydrapicker.errors import MicrographError
from napari_hydrapicker.io.mrc import is_compressed, read_part, read_start

CONTENT = np.random.default_rng(0).bytes(9000)


@pytest.fixture(params=[gzip.compress, bz2.compress])
def path(request, tmp_path):
    path = tmp_path / "a.mrc"
    path.write_bytes(request.param(CONTENT))
    return path


def test_parts_are_those_of_the_content(path):
    assert is_compressed(path)
    assert read_start(path, 1024) == (CONTENT[:1024], None)
    assert read_part(path, 0, 9000) == CONTENT
    assert read_part(path, 5000, 17) == CONTENT[5000:5017]
    assert read_start(path, 10_000) == (CONTENT, None)


@pytest.mark.parametrize("name", ["a.mrc", "a.mrc.gz"])
def test_the_content_tells_not_the_name(tmp_path, name):
    (tmp_path / name).write_bytes(CONTENT)
    assert not is_compressed(tmp_path / name)
    assert read_start(tmp_path / name, 5) == (CONTENT[:5], 9000)


@pytest.mark.parametrize("offset", [0, 8000, 10_000])
def test_what_ends_early_is_refused(path, offset):
    missing = offset + 9001 - max(offset, 9000)
    with pytest.raises(MicrographError, match=rf"a\.mrc: truncated, {missing:,} byte"):
        read_part(path, offset, 9001)


def test_damage_is_found(path):
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(MicrographError, match=r"a\.mrc: the compressed data are damaged"):
        read_part(path, 0, 9000)
    path.write_bytes(path.read_bytes()[:3] + b"\xff" * 20)
    with pytest.raises(MicrographError, match=r"a\.mrc: cannot be read"):
        read_start(path, 9000)


def test_a_missing_file(tmp_path):
    with pytest.raises(MicrographError, match=r"none\.mrc: cannot be read"):
        read_start(tmp_path / "none.mrc", 1024)


def test_no_more_is_held_than_asked_for(tmp_path):
    path = tmp_path / "bomb.mrc"
    path.write_bytes(gzip.compress(bytes(2**26), 1))
    tracemalloc.start()
    assert read_part(path, 2**26 - 100, 50) == bytes(50)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**25
