import numpy as np
import pytest
from PIL import Image

from napari_hydrapicker.errors import MicrographError
from napari_hydrapicker.io.micrograph import open_micrograph


@pytest.fixture
def data():
    return np.random.default_rng(0).integers(0, 255, (31, 52)).astype(np.uint8)


def test_png_is_read(tmp_path, data):
    Image.fromarray(data).save(tmp_path / "a.png")
    micrograph = open_micrograph(tmp_path / "a.png")
    assert micrograph.shape == (31, 52)
    assert micrograph.pixel_size_angstrom is None
    np.testing.assert_array_equal(micrograph.pixels(), data)


def test_sixteen_bits_are_kept(tmp_path, data):
    Image.fromarray(data.astype(np.uint16) * 257).save(tmp_path / "a.png")
    np.testing.assert_array_equal(open_micrograph(tmp_path / "a.png").pixels(), data.astype(int) * 257)


def test_jpeg_is_read(tmp_path):
    gradient = np.add.outer(np.arange(40), np.arange(60)).astype(np.uint8)
    Image.fromarray(gradient).save(tmp_path / "a.jpeg", quality=95)
    pixels = open_micrograph(tmp_path / "a.jpeg").pixels()
    assert np.abs(pixels.astype(int) - gradient).max() < 8


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "LA"])
def test_colours_become_grey(tmp_path, data, mode):
    Image.fromarray(data).convert(mode).save(tmp_path / "a.png")
    pixels = open_micrograph(tmp_path / "a.png").pixels()
    assert pixels.shape == (31, 52)
    assert np.abs(pixels.astype(int) - data).max() <= 1


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_truncated_files_are_refused(tmp_path, data, suffix):
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(data).save(path)
    path.write_bytes(path.read_bytes()[:-600])
    with pytest.raises(MicrographError, match="not a readable PNG or JPEG"):
        open_micrograph(path).pixels()
