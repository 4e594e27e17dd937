"""Opening micrographs in napari."""

from __future__ import annotations

import gzip
from pathlib import Path

import mrcfile
import numpy as np
import pytest
import tifffile

from napari_hydrapicker.gui.reader import contrast_limits, get_reader, read_micrographs

npe2 = pytest.importorskip("npe2")
notifications = pytest.importorskip("napari.utils.notifications")

PLUGIN = "napari-hydrapicker"


@pytest.fixture
def image() -> np.ndarray:
    """A non-square image in which every pixel differs."""
    return np.arange(48 * 80, dtype=np.float32).reshape(48, 80)


@pytest.fixture
def shown_errors(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect the messages that napari would show."""
    messages: list[str] = []
    monkeypatch.setattr(notifications, "show_error", messages.append)
    return messages


def write_mrc(path: Path, pixels: np.ndarray, pixel_size: float = 1.77, stack: bool = False) -> str:
    with mrcfile.new(path) as mrc:
        mrc.set_data(pixels)
        mrc.voxel_size = pixel_size
        if stack:
            mrc.set_image_stack()
    return str(path)


def test_mrc_becomes_an_image_layer_in_pixels(tmp_path: Path, image: np.ndarray) -> None:
    path = write_mrc(tmp_path / "particles_01.mrc", image)
    [(pixels, options, kind)] = get_reader(path)(path)
    assert kind == "image"
    assert pixels.shape == (48, 80)
    np.testing.assert_array_equal(pixels, image)
    assert options["name"] == "particles_01"
    assert "scale" not in options
    assert options["metadata"]["pixel_size_angstrom"] == pytest.approx(1.77)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, ">u2", ">f4"])
def test_tiff_keeps_its_values(tmp_path: Path, image: np.ndarray, dtype: str) -> None:
    expected = (image % 251).astype(dtype)
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, expected, byteorder=expected.dtype.byteorder if str(dtype)[0] == ">" else "<")
    [(pixels, _, _)] = read_micrographs(str(path))
    assert pixels.dtype.isnative
    np.testing.assert_array_equal(pixels, expected)


def test_half_precision_is_widened_for_display(tmp_path: Path, image: np.ndarray) -> None:
    path = write_mrc(tmp_path / "half.mrc", (image / 4096).astype(np.float16))
    [(pixels, _, _)] = read_micrographs(path)
    assert pixels.dtype == np.float32
    np.testing.assert_array_equal(pixels, (image / 4096).astype(np.float16))


def test_compressed_mrc(tmp_path: Path, image: np.ndarray) -> None:
    plain = Path(write_mrc(tmp_path / "image.mrc", image))
    path = tmp_path / "packed.mrc.gz"
    path.write_bytes(gzip.compress(plain.read_bytes()))
    [(pixels, options, _)] = read_micrographs(str(path))
    np.testing.assert_array_equal(pixels, image)
    assert options["name"] == "packed"


def test_stack_becomes_one_layer_read_frame_by_frame(tmp_path: Path, image: np.ndarray) -> None:
    frames = np.stack([image, image + 1, image * 2])
    path = write_mrc(tmp_path / "stack.mrcs", frames, stack=True)
    [(pixels, options, _)] = read_micrographs(path)
    assert pixels.shape == (3, 48, 80)
    assert not isinstance(pixels, np.ndarray)
    np.testing.assert_array_equal(np.asarray(pixels[2]), image * 2)
    assert options["name"] == "stack"


def test_bad_file_is_a_notification_and_no_layer(tmp_path: Path, shown_errors: list[str]) -> None:
    path = tmp_path / "torn.mrc"
    path.write_bytes(b"not a micrograph")
    assert read_micrographs(str(path)) == [(None,)]
    [message] = shown_errors
    assert "torn.mrc" in message


def test_good_files_open_beside_a_bad_one(tmp_path: Path, image: np.ndarray, shown_errors: list[str]) -> None:
    (tmp_path / "torn.mrc").write_bytes(b"")
    good = write_mrc(tmp_path / "good.mrc", image)
    [(pixels, _, _)] = read_micrographs([str(tmp_path / "torn.mrc"), good])
    np.testing.assert_array_equal(pixels, image)
    assert len(shown_errors) == 1


def test_contrast_ignores_hot_pixels_and_nan(image: np.ndarray) -> None:
    image[0, 0], image[3, 5], image[7, 70] = np.nan, np.inf, 1e9
    limits = contrast_limits(image)
    assert limits is not None
    assert 0 <= limits[0] < 100
    assert 3700 < limits[1] < 48 * 80


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_contrast_of_a_blank_image_is_left_to_napari(value: float) -> None:
    assert contrast_limits(np.full((5, 9), value)) is None


def test_napari_opens_a_file_through_the_manifest(tmp_path: Path, image: np.ndarray) -> None:
    viewer_model = pytest.importorskip("napari.components").ViewerModel()
    manager = npe2.PluginManager.instance()
    manager.discover(include_npe1=False)
    assert PLUGIN in manager, "the package is not installed with its entry point"
    path = write_mrc(tmp_path / "image.mrc", image)
    viewer_model.open(path, plugin=PLUGIN)
    [layer] = viewer_model.layers
    np.testing.assert_array_equal(layer.data, image)
    np.testing.assert_array_equal(layer.scale, [1, 1])
