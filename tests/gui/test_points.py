"""Points layers and coordinate files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from napari.layers import Points

from napari_hydrapicker.gui import points
from napari_hydrapicker.gui.points import get_points_reader, read_points, to_picks, write_layers
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.picks import Picks, Source

PICKS = Picks(
    np.array([[20.0, 300.0], [90.0, 41.0]]),
    np.array([0.9, 0.4]),
    np.array([Source.PICKER, Source.MANUAL]),
    25.0,
)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the user was told."""
    texts: list[str] = []
    monkeypatch.setattr(points, "warn", texts.append)
    return texts


def _layer(path: Path) -> Points:
    ((data, attributes, kind),) = read_points(str(path))
    assert kind == "points"
    return Points(data, **attributes)


@pytest.mark.parametrize(
    ("format", "name", "write"),
    [("star", "m1_autopick.star", points.write_star), ("box", "m1.box", points.write_box),
     ("cbox", "m1.cbox", points.write_cbox), ("csv", "m1.csv", points.write_csv)],
)  # fmt: skip
def test_what_is_read_is_written_again(tmp_path: Path, format: str, name: str, write: object) -> None:
    formats.write({"m1": PICKS}, tmp_path / name, format)
    layer = _layer(tmp_path / name)
    assert layer.ndim == 2
    np.testing.assert_allclose(layer.data, PICKS.yx, atol=1)
    back = tmp_path / f"back{Path(name).suffix}"
    assert write(str(back), *layer.as_layer_data_tuple()[:2]) == [str(back)]  # type: ignore[operator]
    (again,) = formats.read(back).values()
    np.testing.assert_allclose(again.yx, layer.data, atol=1)
    np.testing.assert_allclose(again.score, PICKS.score, rtol=1e-6)


def test_only_visible_points_are_picks() -> None:
    layer = Points(PICKS.yx, shown=[False, True], size=33, name="m7")
    name, picks = to_picks(*layer.as_layer_data_tuple()[:2])
    assert (name, picks.yx.tolist(), picks.diameter_px) == ("m7", [[90, 41]], 33)
    assert np.isnan(picks.score).all()
    assert picks.source.tolist() == [Source.MANUAL]


def test_several_layers_become_one_table(tmp_path: Path, told: list[str]) -> None:
    layers = [Points(PICKS.yx + i, name=f"m{i}").as_layer_data_tuple() for i in range(3)]
    assert write_layers(str(tmp_path / "all.csv"), layers) == [str(tmp_path / "all.csv")]
    back = formats.read(tmp_path / "all.csv")
    assert sorted(back) == ["m0", "m1", "m2"]
    assert back["m2"].yx.tolist() == (PICKS.yx + 2).tolist()
    assert write_layers(str(tmp_path / "twice.csv"), [*layers, layers[0]]) == []
    assert "called m0" in told[0]
    assert not (tmp_path / "twice.csv").exists()


def test_other_text_files_are_left_to_others(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing of the kind")
    assert get_points_reader(str(tmp_path / "notes.txt")) is None
    formats.write({"m1": PICKS}, tmp_path / "m1.star", "star")
    assert get_points_reader([str(tmp_path / "m1.star")]) is read_points


def test_a_damaged_file_is_told(tmp_path: Path, told: list[str]) -> None:
    (tmp_path / "m1.box").write_text("1 2 three 4\n")
    assert read_points([str(tmp_path / "m1.box")]) == [(None,)]
    assert "m1.box" in told[0]


def test_three_dimensional_points_are_refused_in_words(tmp_path: Path, told: list[str]) -> None:
    data = Points(np.zeros((2, 3)), name="m").as_layer_data_tuple()
    assert points.write_csv(str(tmp_path / "m.csv"), *data[:2]) == []
    assert "shape (N, 2)" in told[0]


def test_the_manifest_names_every_writer() -> None:
    from npe2 import PluginManifest

    import napari_hydrapicker

    manifest = PluginManifest.from_file(Path(napari_hydrapicker.__file__).parent / "napari.yaml")
    for command in manifest.contributions.commands or []:
        module, name = str(command.python_name).split(":")
        assert callable(getattr(__import__(module, fromlist=[name]), name))
