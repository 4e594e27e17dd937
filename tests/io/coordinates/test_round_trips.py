"""What is written is read again, in every format and to the format's precision."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.io.names import micrograph_stem
from napari_hydrapicker.picks import Picks, Source

SHAPE = (4092, 5760)


@dataclass(frozen=True)
class Expected:
    """What a format keeps."""

    atol_px: float
    scores: bool = True
    empty: bool = True
    source: bool = False


EXPECTED = {
    "star": Expected(1e-6),
    "star-combined": Expected(1e-6),
    "star-particles": Expected(1e-6, empty=False),
    "box": Expected(0.5 + 1e-9),
    "cbox": Expected(1e-9),
    "topaz": Expected(0.5, empty=False),
    "cs": Expected(12_000 * 2**-23, empty=False),
    "csv": Expected(0, source=True),
    "cryoppp": Expected(0.5, scores=False),
}

coordinate = st.floats(-300, 8_000, allow_subnormal=False)
score = st.one_of(st.just(float("nan")), st.floats(-900, 900, width=32), st.floats(0, 1, width=32))
rows = st.lists(st.tuples(coordinate, coordinate, score, st.sampled_from(list(Source))), max_size=9)
name_start = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="/\\\"'@")
)
names = st.builds("m{}{}".format, name_start.map(lambda text: text[:20]), st.sampled_from(["", " 2", "_x"]))


def make(table: list[tuple[float, float, float, Source]], diameter: float) -> Picks:
    columns = np.array(table, np.float64).reshape(-1, 4)
    return Picks(columns[:, :2], columns[:, 2].astype(np.float32), columns[:, 3].astype(np.int8), diameter)


picks_by_name = st.dictionaries(
    # Names that differ in case alone are one file on some systems.
    names.filter(lambda name: name == micrograph_stem(name) == name.strip()).map(str.lower),
    st.builds(make, rows, st.floats(1, 900)),
    min_size=1,
    max_size=3,
)


def read_all(paths: list[Path], format: str, shape: tuple[int, int] = SHAPE) -> dict[str, Picks]:
    if formats.FORMATS[format].main is not None:
        main = next(path for path in paths if path.name == formats.FORMATS[format].main)
        assert formats.detect(main) == format
        return formats.read(main, shape_of=lambda _: shape)
    return {name: one for path in paths for name, one in formats.read(path, shape_of=lambda _: shape).items()}


def test_every_format_is_tested() -> None:
    assert EXPECTED.keys() == formats.FORMATS.keys()


@pytest.mark.parametrize("format", EXPECTED)
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(written=picks_by_name)
def test_round_trip(format: str, written: dict[str, Picks], tmp_path: Path) -> None:
    expected = EXPECTED[format]
    shapes = dict.fromkeys(written, SHAPE)
    paths = formats.write(written, tmp_path / format, format, shapes=shapes, overwrite=True)
    read = read_all(paths, format)

    held = [name for name, one in written.items() if len(one) or expected.empty]
    assert list(read) == held
    for name in held:
        before, after = written[name], read[name]
        np.testing.assert_allclose(after.yx, before.yx, rtol=0, atol=expected.atol_px)
        if expected.scores:
            np.testing.assert_array_equal(after.score, before.score)
        else:
            assert np.isnan(after.score).all()
        source = before.source if expected.source else np.full(len(before), Source.IMPORTED)
        np.testing.assert_array_equal(after.source, source)


@pytest.mark.parametrize("format", EXPECTED)
def test_rows_and_columns_are_not_mixed_up(format: str, tmp_path: Path) -> None:
    # On 300 rows by 900 columns a swap shows as a pick outside, a flip as a wrong row.
    picks = Picks(np.array([[20.0, 850.0], [290.0, 40.0]]), diameter_px=30)
    paths = formats.write({"wide": picks}, tmp_path, format, shapes={"wide": (300, 900)})
    np.testing.assert_allclose(read_all(paths, format, (300, 900))["wide"].yx, picks.yx, atol=1e-3)


@pytest.mark.parametrize("format", [name for name, kept in EXPECTED.items() if kept.empty])
def test_a_micrograph_without_picks_is_kept(format: str, tmp_path: Path) -> None:
    paths = formats.write({"empty": Picks(np.empty((0, 2)))}, tmp_path, format)
    read = read_all(paths, format)
    assert list(read) == ["empty"]
    assert read["empty"].yx.shape == (0, 2)


@pytest.mark.parametrize("format", [name for name, kept in EXPECTED.items() if not kept.empty])
def test_tables_of_nothing_are_read(format: str, tmp_path: Path) -> None:
    empty = {"empty": Picks(np.empty((0, 2)))}
    paths = formats.write(empty, tmp_path, format, shapes={"empty": SHAPE})
    assert sum(len(one) for one in read_all(paths, format).values()) == 0
