import warnings

import mrcfile
import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_hydrapicker.errors import MicrographError, ParameterError
from napari_hydrapicker.io.micrograph import (
    Micrograph,
    open_micrograph,
    open_micrographs,
    with_distinct_names,
)


@pytest.fixture
def image():
    return np.arange(30 * 47, dtype=np.float32).reshape(30, 47)


def save_mrc(path, data, pixel_size=1.5):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with mrcfile.new(path, compression={".gz": "gzip", ".bz2": "bzip2"}.get(path.suffix)) as mrc:
            mrc.set_data(data)
            if path.name.split(".")[1] == "mrcs":
                mrc.set_image_stack()
            mrc.voxel_size = pixel_size
    return path


def test_a_micrograph_is_opened_and_mapped(tmp_path, image):
    micrograph = open_micrograph(save_mrc(tmp_path / "falcon.2.mrc", image))
    assert micrograph.shape == (30, 47)
    assert micrograph.pixel_size_angstrom == 1.5
    assert micrograph.name == "falcon.2"
    pixels = micrograph.pixels()
    np.testing.assert_array_equal(pixels, image)
    assert not pixels.flags.owndata
    assert not pixels.flags.writeable


def test_a_pixel_size_can_be_given(tmp_path, image):
    path = save_mrc(tmp_path / "a.mrc", image)
    assert open_micrograph(path, 2.25).pixel_size_angstrom == 2.25
    assert open_micrograph(str(path)).with_pixel_size(3).pixel_size_angstrom == 3.0
    for wrong in (0, -1, np.nan, np.inf):
        with pytest.raises(ParameterError, match="pixel size"):
            open_micrograph(path, wrong)


@pytest.mark.parametrize("name", ["stack.mrcs", "stack.mrcs.gz", "stack.mrcs.bz2"])
def test_a_stack_is_one_micrograph_a_frame(tmp_path, image, name):
    stack = np.stack([image, -image, image + 1])
    micrographs = open_micrographs(save_mrc(tmp_path / name, stack))
    assert [micrograph.name for micrograph in micrographs] == ["stack_0001", "stack_0002", "stack_0003"]
    for micrograph, expected in zip(micrographs, stack, strict=True):
        np.testing.assert_array_equal(micrograph.pixels(), expected)
    with pytest.raises(MicrographError, match="a stack of 3 micrographs"):
        open_micrograph(tmp_path / name)


def test_the_content_tells_the_format(tmp_path, image):
    tifffile.imwrite(tmp_path / "really_tiff.mrc", image)
    Image.fromarray(image.astype(np.uint8)).save(tmp_path / "really.tif", format="png")
    np.testing.assert_array_equal(open_micrograph(tmp_path / "really_tiff.mrc").pixels(), image)
    np.testing.assert_array_equal(open_micrograph(tmp_path / "really.tif").pixels(), image.astype(np.uint8))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.b.mrc", "a.b"), ("a.MRC.GZ", "a"), ("a_0.tiff", "a_0"), ("a.tiff.mrc", "a"), (".mrc", ".mrc")],
)
def test_the_name_is_the_stem(tmp_path, name, expected):
    assert Micrograph(tmp_path / name, (1, 1), None).name == expected


def test_a_changed_file_is_noticed(tmp_path, image):
    micrograph = open_micrograph(save_mrc(tmp_path / "a.mrc", image))
    micrograph.path.unlink()
    save_mrc(micrograph.path, image[:20])
    with pytest.raises(MicrographError, match="changed since"):
        micrograph.pixels()


def test_a_frame_that_a_stack_has_no_more_is_noticed(tmp_path, image):
    path = save_mrc(tmp_path / "a.mrc", image)
    with pytest.raises(MicrographError, match="no frame 2 any more"):
        Micrograph(path, image.shape, 1.5, frame=1, n_frames=2).pixels()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.mrc", b"", "empty"),
        ("a.mrc", b"too short", "shorter than an MRC header"),
        ("a.star", b"data_\nloop_\n_rlnCoordinateX\n" * 100, "not a micrograph in a known format"),
        ("a.eer", b"II*\x00", "EER movie"),
        ("a.tif", b"II*\x00" + b"\xff" * 100, "the TIFF file holds no image"),
        ("a.tif", b"II*\x00", "not a readable TIFF"),
        ("a.png", b"\x89PNG\r\n\x1a\n" + b"\x00" * 100, "not a readable PNG"),
        ("a.mrc.gz", b"\x1f\x8b" + b"\x00" * 100, "cannot be read"),
        ("a.mrc.bz2", b"BZh9" + b"\x00" * 100, "cannot be read"),
    ],
)
def test_other_files_are_refused(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MicrographError, match=message) as error:
        open_micrograph(tmp_path / name)
    assert str(error.value).startswith(str(tmp_path / name))


def test_missing_files_and_folders_are_refused(tmp_path):
    with pytest.raises(MicrographError, match="No such file"):
        open_micrograph(tmp_path / "none.mrc")
    with pytest.raises(MicrographError, match="cannot be read"):
        open_micrograph(tmp_path / ("x" * 300))
    with pytest.raises(MicrographError, match="a folder"):
        open_micrograph(tmp_path)


def test_a_link_that_leads_nowhere_says_so(tmp_path):
    (tmp_path / "z.mrc").symlink_to(tmp_path / "moved.mrc")
    with pytest.raises(MicrographError, match=r"z\.mrc: cannot be read .*it is a link to .*moved\.mrc"):
        open_micrograph(tmp_path / "z.mrc")


def test_real_micrographs_state_their_pixel_size(shared_data):
    paths = sorted((shared_data / "micrographs" / "empiar10028").glob("*.mrc"))
    assert len(paths) == 5
    for path in paths:
        micrograph = open_micrograph(path)
        assert micrograph.shape == (1024, 1024)
        assert micrograph.pixel_size_angstrom == 5.36
        assert micrograph.pixels().dtype == np.int8


def test_one_file_name_in_two_folders_is_two_micrographs(tmp_path, image):
    files = []
    for folder in ("g1", "g2"):
        (tmp_path / folder).mkdir()
        files.append(save_mrc(tmp_path / folder / "a.mrc", image))
        files.append(save_mrc(tmp_path / folder / "s.mrcs", np.stack([image] * 2)))
    files.append(save_mrc(tmp_path / "g2" / "b.mrc", image))
    opened = with_distinct_names(one for file in [*files, files[0]] for one in open_micrographs(file))
    assert [one.name for one in opened] == [
        *("g1/a", "g1/s_0001", "g1/s_0002", "g2/a", "g2/s_0001", "g2/s_0002", "b"),
    ]
    assert [one.stem for one in opened][:3] == ["a", "s_0001", "s_0002"]
    assert opened[0].full_name.endswith("g1/a")
    assert [one.name for one in with_distinct_names(opened[:3])] == ["a", "s_0001", "s_0002"]
