import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_hydrapicker.errors import MicrographError
from napari_hydrapicker.io.micrograph import MicrographWarning, open_micrograph


@pytest.fixture
def data():
    return np.random.default_rng(0).integers(0, 200, (37, 58))


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "f4", "f2"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_grey_images_are_read(tmp_path, data, dtype, order, compression):
    values = data.astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", values, byteorder=order, compression=compression)
    micrograph = open_micrograph(tmp_path / "a.tif")
    assert micrograph.shape == (37, 58)
    assert micrograph.pixel_size_angstrom is None
    pixels = micrograph.pixels()
    assert pixels.dtype.newbyteorder("=") == np.dtype(dtype)
    np.testing.assert_array_equal(pixels, values)


@pytest.mark.parametrize("dtype", ["u1", "u2", "i4", "f4"])
def test_lzw_needs_no_further_package(tmp_path, data, dtype):
    values = data.astype(dtype)
    Image.fromarray(values).save(tmp_path / "a.tif", compression="tiff_lzw")
    pixels = open_micrograph(tmp_path / "a.tif").pixels()
    assert pixels.dtype == values.dtype
    np.testing.assert_array_equal(pixels, values)


def test_a_sign_is_not_lost(tmp_path, data):
    Image.fromarray(data.astype("u1")).save(tmp_path / "a.tif", compression="tiff_lzw", tiffinfo={339: 2})
    with pytest.raises(MicrographError, match="int8 in LZW compression is not read; save it"):
        open_micrograph(tmp_path / "a.tif").pixels()


def test_what_would_read_a_rare_compression_is_named(tmp_path, data, monkeypatch):
    tifffile.imwrite(tmp_path / "a.tif", data.astype("u1"), compression="zlib")

    def fail(self, **options):
        raise ValueError("<COMPRESSION.ZSTD: 50000> requires the 'imagecodecs' package")

    monkeypatch.setattr(tifffile.TiffPage, "asarray", fail)
    with pytest.raises(MicrographError, match=r"'imagecodecs' package\): install that"):
        open_micrograph(tmp_path / "a.tif").pixels()


def test_uncompressed_images_are_mapped(tmp_path, data):
    tifffile.imwrite(tmp_path / "a.tif", data.astype(np.float32))
    assert isinstance(open_micrograph(tmp_path / "a.tif").pixels().base, np.memmap)


@pytest.mark.parametrize(
    ("resolution", "unit", "expected"),
    [
        ((1e8 / 1.25, 1e8 / 1.25), "CENTIMETER", 1.25),
        ((2.54e8 / 0.5, 2.54e8 / 0.5), "INCH", 0.5),
        ((72, 72), "INCH", None),
        ((1, 1), "NONE", None),
    ],
)
def test_only_plausible_resolutions_are_pixel_sizes(tmp_path, data, resolution, unit, expected):
    tifffile.imwrite(tmp_path / "a.tif", data.astype("u1"), resolution=resolution, resolutionunit=unit)
    assert open_micrograph(tmp_path / "a.tif").pixel_size_angstrom == expected


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("nm", 12.5),
        ("\\u00C5", 1.25),
        ("Angstrom", 1.25),
        ("A", 1.25),
        ("micron", None),  # 12500 A
        ("pixel", None),
        (None, None),
    ],
)
def test_imagej_has_units_of_its_own(tmp_path, data, unit, expected):
    metadata = {} if unit is None else {"unit": unit}
    tifffile.imwrite(
        tmp_path / "a.tif", data.astype("u2"), imagej=True, resolution=(1 / 1.25, 1 / 1.25), metadata=metadata
    )
    assert open_micrograph(tmp_path / "a.tif").pixel_size_angstrom == expected


def test_imagej_in_micrometres(tmp_path, data):
    metadata = {"unit": "um"}
    tifffile.imwrite(
        tmp_path / "a.tif", data.astype("u2"), imagej=True, resolution=(5000, 5000), metadata=metadata
    )
    assert open_micrograph(tmp_path / "a.tif").pixel_size_angstrom == 2


@pytest.mark.parametrize(("unit", "size"), [("nm", 0.125), ("Å", 1.25), ("µm", 0.000125)])
def test_ome_states_a_physical_size(tmp_path, data, unit, size):
    metadata = {"axes": "YX", "PhysicalSizeX": size, "PhysicalSizeXUnit": unit}
    metadata |= {"PhysicalSizeY": size, "PhysicalSizeYUnit": unit}
    tifffile.imwrite(tmp_path / "a.ome.tif", data.astype("u2"), metadata=metadata)
    assert open_micrograph(tmp_path / "a.ome.tif").pixel_size_angstrom == 1.25


def test_pixels_that_are_not_square_are_told_of(tmp_path, data):
    tifffile.imwrite(
        tmp_path / "a.tif", data.astype("u1"), resolution=(1e8 / 1.5, 1e8 / 1.8), resolutionunit="CENTIMETER"
    )
    with pytest.warns(MicrographWarning, match=r"states 1\.5 A a pixel along x, but 1\.8 A along y"):
        assert open_micrograph(tmp_path / "a.tif").pixel_size_angstrom is None


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "f4"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_white_zeros_are_turned_over(tmp_path, data, dtype, compression):
    """The same picture stored both ways comes back as one."""
    values = data.astype(dtype)
    turned = -values if dtype == "f4" else ~values
    tifffile.imwrite(tmp_path / "a.tif", turned, photometric="miniswhite", compression=compression)
    pixels = open_micrograph(tmp_path / "a.tif").pixels()
    assert pixels.dtype == values.dtype
    np.testing.assert_array_equal(pixels, values)


@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_white_zeros_are_turned_over_once_in_lzw(tmp_path, data, dtype):
    values = data.astype(dtype)
    # Pillow inverts 8-bit pixels itself when it writes them so.
    stored = values if dtype == "u1" else ~values
    Image.fromarray(stored).save(tmp_path / "a.tif", compression="tiff_lzw", tiffinfo={262: 0})
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert int(file.pages[0].photometric) == 0
    np.testing.assert_array_equal(open_micrograph(tmp_path / "a.tif").pixels(), values)


@pytest.mark.parametrize("first", ["image", "thumbnail"])
@pytest.mark.parametrize("flagged", [True, False])
def test_a_thumbnail_is_passed_over(tmp_path, data, first, flagged):
    pages = {"image": (data.astype("u2"), 0), "thumbnail": (data[::3, ::3].astype("u1"), int(flagged))}
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for name in sorted(pages, key=lambda name: name != first):
            page, kind = pages[name]
            file.write(page, subfiletype=kind, photometric="minisblack")
    micrograph = open_micrograph(tmp_path / "a.tif")
    assert micrograph.shape == (37, 58)
    np.testing.assert_array_equal(micrograph.pixels(), data)


def test_two_images_of_much_the_same_size_are_no_image_and_thumbnail(tmp_path, data):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(data.astype("u2"))
        file.write(data[:30].astype("u2"))
    with pytest.raises(MicrographError, match="holds 2 images"):
        open_micrograph(tmp_path / "a.tif")


def test_movies_are_refused(tmp_path, data):
    tifffile.imwrite(tmp_path / "a.tif", np.stack([data] * 3).astype("u1"), photometric="minisblack")
    with pytest.raises(MicrographError, match="holds 3 images, so it is probably a movie"):
        open_micrograph(tmp_path / "a.tif")


def test_colours_are_refused(tmp_path, data):
    tifffile.imwrite(tmp_path / "a.tif", np.stack([data] * 3, -1).astype("u1"), photometric="rgb")
    with pytest.raises(MicrographError, match="not a grey image"):
        open_micrograph(tmp_path / "a.tif")


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_truncated_files_are_refused(tmp_path, data, compression):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, data.astype(np.float32), compression=compression)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(MicrographError, match="truncated"):
        open_micrograph(path)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_damaged_files_are_read_or_refused(tmp_path, data, compression):
    path, rng = tmp_path / "a.tif", np.random.default_rng(0)
    tifffile.imwrite(path, data.astype(np.float32), compression=compression)
    content = path.read_bytes()
    refused = 0
    for _ in range(150):
        mutant = bytearray(content)
        for place in rng.integers(4, 300, 3):
            mutant[place] = rng.integers(0, 256)
        path.write_bytes(mutant)
        try:
            micrograph = open_micrograph(path)
            assert micrograph.pixels().shape == micrograph.shape
        except MicrographError:
            refused += 1
    assert refused > 10
