"""Damaged files are read or refused with our own error: nothing else, whatever the damage.

The mutations are drawn from a fixed seed, so a failure comes again; its number names the mutation.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_hydrapicker.errors import CoordinateFileError
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.picks import Picks

MUTATIONS = 600
SECONDS_EACH = 2.0

HOSTILE = [
    *(
        b"1e300",
        b"-inf",
        b"nan",
        b"9" * 400,
        b"1_0",
        b"0x10",
        b"-999",
        b"<NA>",
        b"''",
        b'"',
        b"#",
        b"\0",
        b"\xff\xfe",
    ),
    *(
        b"\r",
        b"\n\n",
        b"\t",
        b"loop_\n",
        b"data_\n",
        b"_x\n",
        b";",
        b"\xe2\x80\xa8",
        b"../../../etc/passwd",
        b"a" * 70_000,
    ),
    *(b"(" * 300, b"'|O'", b"'<f4'", b"(99999999999,)", b"{", b"\x93NUMPY\x02\x00\xff\xff\xff\xff", b",,,,,"),
]


def flip_bits(data: bytearray, rng: random.Random, other: bytes) -> bytes:
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def truncate(data: bytearray, rng: random.Random, other: bytes) -> bytes:
    cut = rng.randrange(len(data))
    return bytes(data[:cut] if rng.random() < 0.7 else data[cut:])


def splice(data: bytearray, rng: random.Random, other: bytes) -> bytes:
    start = rng.randrange(len(other))
    piece = other[start : start + rng.randrange(1, 300)]
    place = rng.randrange(len(data))
    data[place : place + rng.choice((0, len(piece)))] = piece
    return bytes(data)


def shuffle_lines(data: bytearray, rng: random.Random, other: bytes) -> bytes:
    lines = bytes(data).splitlines(keepends=True)
    for _ in range(rng.choice((1, 2, 5))):
        i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
        action = rng.randrange(4)
        if action == 0 and len(lines) > 1:
            del lines[i]
        elif action == 1:
            lines.insert(j, lines[i])
        elif action == 2:
            lines[i], lines[j] = lines[j], lines[i]
        else:
            lines[i] *= rng.choice((2, 50))
    return b"".join(lines)


def insert_hostile(data: bytearray, rng: random.Random, other: bytes) -> bytes:
    place = rng.randrange(len(data))
    data[place : place + rng.choice((0, 0, 1, 5))] = rng.choice(HOSTILE)
    return bytes(data)


def replace_token(data: bytearray, rng: random.Random, other: bytes) -> bytes:
    tokens = bytes(data).split(b" ")
    tokens[rng.randrange(len(tokens))] = rng.choice(HOSTILE)
    return b" ".join(tokens)


def damage_start(data: bytearray, rng: random.Random, other: bytes) -> bytes:
    # The header of a binary file is a small part of it: aim at it.
    for _ in range(rng.choice((1, 2, 4))):
        data[rng.randrange(min(len(data), 400))] = rng.randrange(256)
    return bytes(data)


def change_digits(data: bytearray, rng: random.Random, other: bytes) -> bytes:
    digits = [i for i, byte in enumerate(data) if byte in b"0123456789"]
    for place in rng.choices(digits, k=rng.choice((1, 10))) if digits else []:
        data[place] = rng.choice(b"0123456789.-e ")
    return bytes(data)


MUTATORS: list[Callable[[bytearray, random.Random, bytes], bytes]] = [
    *(flip_bits, truncate, splice, shuffle_lines, insert_hostile, replace_token, damage_start, change_digits),
]


@pytest.fixture(scope="module")
def valid_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """One file of each format, by the format's name."""
    rng = np.random.default_rng(7)
    folder = tmp_path_factory.mktemp("valid")
    picks = {
        name: Picks(rng.uniform(0, 900, (20, 2)), rng.uniform(0, 1, 20).astype(np.float32), diameter_px=31)
        for name in ("a", "b")
    }
    shapes = dict.fromkeys(picks, (900, 1300))
    return {
        name: formats.write(picks, folder / name, name, shapes=shapes)[-1 if known.main else 0].read_bytes()
        for name, known in formats.FORMATS.items()
    }


def read_or_refuse(path: Path, format: str | None) -> bool:
    """Tell whether the file was read; raise unless it was read well or refused as it should be."""
    start = time.perf_counter()
    try:
        picks = formats.read(path, format, lambda _: (900, 1300))
    except CoordinateFileError as error:
        assert path.name in str(error)
        assert len(str(error)) < 2000
        return False
    finally:
        assert time.perf_counter() - start < SECONDS_EACH
    for name, one in picks.items():
        assert name
        assert np.isfinite(one.yx).all()
        assert not np.isinf(one.score).any()
    return True


@pytest.mark.parametrize("format", formats.FORMATS)
def test_damaged_files_are_read_or_refused(
    format: str, valid_files: dict[str, bytes], tmp_path: Path
) -> None:
    rng = random.Random(f"fuzz {format}")
    sources = list(valid_files.values())
    path = tmp_path / "damaged.file"
    path.write_bytes(valid_files[format])
    for name in ("a", "b"):  # what the combined list lists
        (tmp_path / f"{name}_autopick.star").write_bytes(valid_files["star"])
    assert read_or_refuse(path, None)
    read = refused = 0
    for number in range(MUTATIONS):
        data = valid_files[format]
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            data = rng.choice(MUTATORS)(bytearray(data), rng, rng.choice(sources)) or data
        path.write_bytes(data)
        try:
            read_or_refuse(path, None)
            was_read = read_or_refuse(path, format)
        except BaseException as error:
            error.add_note(f"mutation {number} of {format}: {data[:300]!r}")
            raise
        read += was_read
        refused += not was_read
    # Neither a reader that swallows anything nor one that refuses all would be worth testing.
    assert refused > MUTATIONS / 10
    assert read > MUTATIONS / 20


@pytest.mark.parametrize("format", formats.FORMATS)
def test_noise_is_refused(format: str, tmp_path: Path) -> None:
    rng = random.Random(f"noise {format}")
    magic = [
        b"",
        b"\x93NUMPY\x01\x00\x76\x00{'descr': [('",
        b"data_\nloop_\n_rlnCoordinateX\n",
        b"data_cryolo\n",
    ]
    path = tmp_path / "noise.file"
    for number in range(50):
        path.write_bytes(magic[number % 4] + rng.randbytes(rng.choice((1, 10, 1000, 100_000))))
        assert not read_or_refuse(path, format)
