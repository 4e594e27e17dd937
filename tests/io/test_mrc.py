import bz2
import gzip
import struct
import tracemalloc
import warnings

import mrcfile
import numpy as np
import pytest

from napari_hydrapicker.errors import MicrographError
from napari_hydrapicker.io.micrograph import MicrographWarning, open_micrograph, open_micrographs

SHAPE = (13, 21)
DTYPES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}


def mrc_bytes(data, order="<", mode=2, sections=1, cell=None, sampling=None, extended=b"", **fields):
    """Write an MRC file by hand; `fields` are (format, value) at a byte: at_92=("i", 5)."""
    rows, cols = data.shape[-2:]
    sampling = sampling or (cols, rows, sections)
    cell = cell or (cols * 2.5, rows * 2.5, sections * 2.5)
    header = bytearray(1024)
    struct.pack_into(f"{order}4i", header, 0, cols, rows, sections, mode)
    struct.pack_into(f"{order}3i3f", header, 28, *sampling, *cell)
    struct.pack_into(f"{order}3i", header, 64, 1, 2, 3)
    struct.pack_into(f"{order}i", header, 92, len(extended))
    header[208:216] = b"MAP " + (b"\x44\x44\x00\x00" if order == "<" else b"\x11\x11\x00\x00")
    for name, (kind, value) in fields.items():
        struct.pack_into(order + kind, header, int(name.removeprefix("at_")), value)
    return bytes(header) + extended + data.astype(order + DTYPES.get(mode, "i1")).tobytes()


@pytest.fixture
def data():
    return np.random.default_rng(0).integers(-100, 100, SHAPE)


def write(tmp_path, content, name="a.mrc"):
    path = tmp_path / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("mode", DTYPES)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("packer", [bytes, gzip.compress, bz2.compress])
def test_all_modes_orders_and_compressions(tmp_path, data, mode, order, packer):
    if mode == 6:
        data = data + 40000
    micrograph = open_micrograph(write(tmp_path, packer(mrc_bytes(data, order, mode))))
    assert micrograph.shape == SHAPE
    assert micrograph.pixel_size_angstrom == 2.5
    assert micrograph.pixels().dtype.itemsize == np.dtype(DTYPES[mode]).itemsize
    np.testing.assert_array_equal(micrograph.pixels(), data)


@pytest.mark.parametrize("dtype", ["i1", "i2", "u2", "f4", "f2"])
def test_files_of_mrcfile_are_read(tmp_path, data, dtype):
    with mrcfile.new(tmp_path / "a.mrc") as mrc:
        mrc.set_data(np.abs(data).astype(dtype))
        mrc.voxel_size = 1.06
    micrograph = open_micrograph(tmp_path / "a.mrc")
    np.testing.assert_array_equal(micrograph.pixels(), np.abs(data))
    assert micrograph.pixel_size_angstrom == 1.06


@pytest.mark.parametrize(
    "fields",
    [
        {"at_152": ("i", 1146047817)},
        {"at_76": ("f", 0.0), "at_80": ("f", 250.0)},
    ],
)
def test_unsigned_bytes_of_old_programs(tmp_path, data, fields):
    content = mrc_bytes(data.astype(np.uint8), mode=0, **fields)
    pixels = open_micrograph(write(tmp_path, content)).pixels()
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, data.astype(np.uint8))


def test_imods_signed_bytes(tmp_path, data):
    content = mrc_bytes(data, mode=0, at_152=("i", 1146047817), at_156=("i", 1))
    np.testing.assert_array_equal(open_micrograph(write(tmp_path, content)).pixels(), data)


def test_an_extended_header_is_skipped(tmp_path, data):
    path = write(tmp_path, mrc_bytes(data, extended=bytes(range(256)) * 3))
    np.testing.assert_array_equal(open_micrograph(path).pixels(), data)


@pytest.mark.parametrize("declared", [-1, 4, 10_000_000, 2**31 - 1])
def test_a_wrong_extended_header_is_found_out(tmp_path, data, declared):
    path = write(tmp_path, mrc_bytes(data, at_92=("i", declared)))
    with pytest.warns(MicrographWarning, match="extended header"):
        micrograph = open_micrograph(path)
    np.testing.assert_array_equal(micrograph.pixels(), data)


def test_a_wrong_extended_header_in_a_compressed_file(tmp_path, data):
    path = write(tmp_path, gzip.compress(mrc_bytes(data, at_92=("i", -8))))
    with pytest.warns(MicrographWarning, match="extended header"):
        micrograph = open_micrograph(path)
    np.testing.assert_array_equal(micrograph.pixels(), data)


def test_bytes_behind_the_pixels_are_ignored(tmp_path, data):
    path = write(tmp_path, mrc_bytes(data) + b"\x01" * 10)
    with pytest.warns(MicrographWarning, match="10 bytes longer"):
        micrograph = open_micrograph(path)
    np.testing.assert_array_equal(micrograph.pixels(), data)


@pytest.mark.parametrize("order", ["<", ">"])
def test_missing_signatures_are_forgiven(tmp_path, data, order):
    content = mrc_bytes(data, order, at_208=("i", 0), at_212=("i", 0))
    with pytest.warns(MicrographWarning, match="no 'MAP' signature"):
        micrograph = open_micrograph(write(tmp_path, content))
    np.testing.assert_array_equal(micrograph.pixels(), data)


@pytest.mark.parametrize(
    ("cell", "sampling"),
    [
        ((0, 0, 0), None),
        ((np.nan, np.nan, 1), None),
        ((np.inf, np.inf, 1), None),
        ((-21, -13, 1), None),
        ((21e6, 13e6, 1), None),
        (None, (0, 0, 0)),
    ],
)
def test_impossible_pixel_sizes_count_as_unknown(tmp_path, data, cell, sampling):
    path = write(tmp_path, mrc_bytes(data, cell=cell, sampling=sampling))
    assert open_micrograph(path).pixel_size_angstrom is None


def test_pixels_that_are_not_square_are_told_of(tmp_path, data):
    path = write(tmp_path, mrc_bytes(data, cell=(21 * 1.5, 13 * 1.8, 1)))
    with pytest.warns(MicrographWarning, match=r"states 1\.5 A a pixel along x, but 1\.8 A along y"):
        assert open_micrograph(path).pixel_size_angstrom is None
    path = write(tmp_path, mrc_bytes(data, cell=(21 * 1.5, 13 * 1.505, 1)))
    assert open_micrograph(path).pixel_size_angstrom == 1.5


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("packer", [bytes, gzip.compress])
@pytest.mark.parametrize("meant", ["u1", "i1"])
def test_the_pixels_tell_whether_bytes_are_signed(tmp_path, order, packer, meant):
    """A picture whose grey levels cross the middle of their range, and no word of it in the header."""
    rows, cols = np.mgrid[:60, :90]
    picture = 40 * np.sin(rows / 9) * np.cos(cols / 7) + np.random.default_rng(0).normal(0, 9, (60, 90))
    picture = np.rint(picture + (128 if meant == "u1" else 0)).astype(meant)
    content = mrc_bytes(picture.view("i1"), order, mode=0)
    pixels = open_micrograph(write(tmp_path, packer(content))).pixels()
    assert pixels.dtype == meant
    np.testing.assert_array_equal(pixels, picture)


def test_a_stated_sign_is_believed(tmp_path):
    picture = np.tile(np.array([126, 130], np.uint8), (20, 15))
    content = mrc_bytes(picture.view("i1"), mode=0, at_152=("i", 1146047817), at_156=("i", 1))
    assert open_micrograph(write(tmp_path, content)).pixels().dtype == np.int8


@pytest.mark.parametrize("packer", [bytes, gzip.compress])
def test_truncated_files_are_refused(tmp_path, data, packer):
    path = write(tmp_path, packer(mrc_bytes(data)[:-7]))
    with pytest.raises(MicrographError, match="truncated, 7"):
        open_micrograph(path).pixels()


def test_a_cut_compressed_file_is_refused(tmp_path, data):
    noise = np.random.default_rng(0).normal(size=(100, 130))
    path = write(tmp_path, gzip.compress(mrc_bytes(noise))[:-20000])
    with pytest.raises(MicrographError, match="compressed data are damaged"):
        open_micrograph(path).pixels()


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("movie.mrc", {}, "movie: correct its motion"),
        ("volume.mrc", {"at_88": ("i", 1)}, "a volume of 4 sections"),
        ("tomogram.rec", {}, "a volume of 4 sections"),
        ("volumes.mrcs", {"at_88": ("i", 401)}, "a volume of 4 sections"),
    ],
)
def test_movies_and_volumes_are_refused(tmp_path, name, fields, message):
    content = mrc_bytes(np.zeros((4, *SHAPE)), sections=4, **fields)
    with pytest.raises(MicrographError, match=message):
        open_micrographs(write(tmp_path, content, name))


def test_a_single_section_of_a_volume_is_a_micrograph(tmp_path, data):
    path = write(tmp_path, mrc_bytes(data, at_88=("i", 1)), "a.rec")
    np.testing.assert_array_equal(open_micrograph(path).pixels(), data)


@pytest.mark.parametrize(
    ("mode", "message"), [(3, "complex"), (4, "complex"), (16, "colours"), (101, "4-bit")]
)
def test_other_modes_are_refused(tmp_path, data, mode, message):
    with pytest.raises(MicrographError, match=message):
        open_micrograph(write(tmp_path, mrc_bytes(data, mode=mode)))


@pytest.mark.parametrize("offset", [0, 4])
@pytest.mark.parametrize("side", [-1, 0, 2**17, 2**31 - 1])
def test_absurd_shapes_are_refused(tmp_path, data, offset, side):
    with pytest.raises(MicrographError, match="no micrograph has"):
        open_micrograph(write(tmp_path, mrc_bytes(data, **{f"at_{offset}": ("i", side)})))


@pytest.mark.parametrize("sections", [-1, 0, 2**31 - 1])
def test_absurd_numbers_of_frames_are_refused(tmp_path, data, sections):
    path = write(tmp_path, gzip.compress(mrc_bytes(data, at_8=("i", sections))), "a.mrcs.gz")
    with pytest.raises(MicrographError, match="declares"):
        open_micrographs(path)


def mutations(content, rng, n):
    """Yield damaged copies: bytes and words overwritten, pieces cut out, put in, or cut off."""
    words = (0, 1, -1, 2, 127, 2**15, 2**20, 2**31 - 1, -(2**31), 401)
    for i in range(n):
        mutant = bytearray(content)
        for _ in range(rng.integers(1, 4)):
            limit = 256 if rng.random() < 0.7 else len(mutant)
            place = int(rng.integers(0, max(1, min(limit, len(mutant) - 4))))
            kind = i % 5
            if kind == 0:
                mutant[place] = rng.integers(0, 256)
            elif kind == 1:
                struct.pack_into("<i", mutant, place // 4 * 4, int(rng.choice(words)))
            elif kind == 2:
                struct.pack_into("<f", mutant, place // 4 * 4, rng.choice([np.nan, np.inf, -1, 0, 1e30]))
            elif kind == 3:
                del mutant[place : place + int(rng.integers(1, 200))]
            else:
                mutant[place:place] = rng.bytes(int(rng.integers(1, 50)))
            if len(mutant) < 8:
                break
        yield bytes(mutant[: rng.integers(0, len(mutant) + 1)] if rng.random() < 0.1 else mutant)


@pytest.mark.parametrize("name", ["a.mrc", "a.mrcs", "a.mrc.gz", "a.mrcs.gz"])
def test_damaged_files_are_read_or_refused(tmp_path, name):
    rng = np.random.default_rng(len(name))
    frames = 3 if "mrcs" in name else 1
    stack = rng.normal(size=(frames, *SHAPE)) if frames > 1 else rng.normal(size=SHAPE)
    content = mrc_bytes(stack, sections=frames, extended=b"\x07" * 64)
    refused = 0
    tracemalloc.start()
    for i, mutant in enumerate(mutations(content, rng, 200)):
        if name.endswith("gz"):
            mutant = gzip.compress(mutant, 1)
            mutant = next(mutations(mutant, rng, 1)) if i % 3 == 0 else mutant
        path = write(tmp_path, mutant, name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MicrographWarning)
            try:
                for micrograph in open_micrographs(path)[:5]:
                    assert micrograph.pixels().shape == micrograph.shape
            except MicrographError as error:
                refused += 1
                assert str(path) in str(error)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 20 < refused < 190
    assert peak < 64 * 2**20
