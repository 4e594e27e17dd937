"""Messages as lines."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_hydrapicker.io.edited_mask import EditedMask
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picking.parameters import CGanSpec, ConsensusSpec, HydraSpec, PickParameters
from napari_hydrapicker.training.annotated_micrograph import AnnotatedMicrograph
from napari_hydrapicker.worker.messages import (
    Broken,
    Cancel,
    Failed,
    Finished,
    JobStatus,
    Made,
    MakeRequest,
    Message,
    Picked,
    PickRequest,
    Ready,
    Trained,
    Training,
    TrainRequest,
    from_line,
    to_line,
)


def _is_utf8(name: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


number = st.integers(0, 2**53)
length = st.floats(0, 1e6)
text = st.text(st.characters())  # lone surrogates too: paths that are not UTF-8
path = text.map(Path)
size = st.floats(1e-3, 5000)
parameters = st.builds(
    PickParameters, diameter_angstrom=size, border_angstrom=st.none() | size,
    min_distance_angstrom=st.none() | size, use_mask=st.booleans(),
)  # fmt: skip
networks = st.one_of(
    st.builds(
        HydraSpec, weights=st.none() | path, head=text.filter(_is_utf8), libraries=st.lists(path).map(tuple),
        contrast=st.sampled_from(["auto", "dark", "light"]), quality=st.sampled_from(["fast", "best"]),
        tile_wpx=st.none() | number,
    ),
    st.builds(CGanSpec, weights=st.none() | path, split=st.booleans()),
)  # fmt: skip
consensus = st.builds(
    ConsensusSpec,
    members=st.lists(networks, unique_by=lambda one: one.kind).map(tuple),
    imported=st.none() | path,
    votes=st.integers(1, 3),
)
masks = st.builds(EditedMask, st.tuples(number, number), number, text)
micrographs = st.builds(
    Micrograph, path, st.tuples(number, number), st.none() | length, number, number, text, st.none() | masks
)
points = st.lists(st.tuples(length, length)).map(lambda yx: np.array(yx, float).reshape(-1, 2))
training = st.builds(Training, number, text, number, number, length, st.none() | length, st.none() | length)
trained = st.builds(Trained, number, text, length, length, st.booleans(), number, length)
made = st.builds(Made, number, text, st.none() | length, st.none() | length, number, number, length)
messages = st.one_of(
    st.builds(
        PickRequest, number, st.dictionaries(number, micrographs), parameters, networks | consensus, text,
        path, st.booleans(),
    ),
    st.builds(
        MakeRequest, number, text,
        st.lists(micrographs).map(tuple),
        length, st.none() | number, number, text, st.lists(text).map(tuple), path,
    ),
    st.builds(
        TrainRequest, number, text,
        st.lists(
            st.builds(
                AnnotatedMicrograph, micrographs, points, points,
                st.booleans(),
            )
        ).map(tuple),
        length, st.none() | text, text, st.lists(text).map(tuple), st.booleans(), path,
    ),
    training,
    trained,
    made,
    st.builds(
        JobStatus, st.none() | training, st.none() | trained | made, st.none() | text
    ),
    st.builds(Cancel, number),
    st.builds(Ready, text, length, text),
    st.builds(
        Picked, number, number, st.lists(st.tuples(length, length)).map(tuple),
        st.lists(length).map(tuple), length,
    ),
    st.builds(Failed, number, number, text),
    st.builds(Finished, number, st.booleans()),
    st.builds(Broken, text),
)  # fmt: skip


@given(messages)
def test_a_message_is_one_line_and_comes_back_the_same(message: Message) -> None:
    line = to_line(message)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert from_line(line) == message


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"hello\n",
        b"[1]\n",
        b"\xff\n",
        b'{"type": "Nothing"}\n',
        b'{"type": "Cancel"}\n',
        b'{"type": "Cancel", "job": "1"}\n',
        b'{"type": "Cancel", "job": true}\n',
        b'{"type": "Cancel", "job": 1, "more": 2}\n',
        b'{"type": ["Cancel"], "job": 1}\n',
        b'{"type": "Finished", "job": 1, "cancelled": null}\n',
        b'{"type": "Ready", "device": "CPU", "threshold": "0.5"}\n',
        b'{"type": "Picked", "job": 1, "micrograph_id": 1, "yx": [[1, 2, 3]], "score": [1], "seconds": 1}\n',
        b'{"type": "Picked", "job": 1, "micrograph_id": 1, "yx": [], "score": {}, "seconds": 1}\n',
        to_line(Picked(1, 2, ((1.0, 2.0),), (0.5,), 1.0))[:-9],
    ],
)
def test_what_is_no_message_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match="not a message"):
        from_line(line)


def test_integers_count_as_lengths_and_come_back_as_floats() -> None:
    message = from_line(
        b'{"type": "Picked", "job": 1, "micrograph_id": 2, "yx": [[3, 4]], "score": [1], "seconds": 0}'
    )
    assert isinstance(message, Picked)
    assert message == Picked(1, 2, ((3.0, 4.0),), (1.0,), 0.0)
    assert type(message.yx[0][0]) is type(message.score[0]) is float


def test_what_a_newer_version_asks_for_is_said_to_be_its() -> None:
    request = PickRequest(1, {}, PickParameters(diameter_angstrom=180.0), CGanSpec(), "cpu", Path("p"))
    line = to_line(request).replace(b'"cgan"', b'"boxnet"')
    with pytest.raises(ValueError, match="perhaps of a newer one"):
        from_line(line)


@given(st.binary(max_size=80))
def test_noise_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match="not a message"):
        from_line(line)


def test_a_request_that_a_version_without_masks_wrote_is_read() -> None:
    request = MakeRequest(
        1, "mine", (Micrograph(Path("a.mrc"), (30, 50), 1.5),), 180.0, 30, 2, "cpu", ("lib",), Path("job")
    )
    line = to_line(request)
    before = line.replace(b', "mask": null', b"")
    assert before != line
    assert from_line(before) == request
    with pytest.raises(ValueError, match="not a message"):
        from_line(line.replace(b', "pixel_size_angstrom": 1.5', b""))
