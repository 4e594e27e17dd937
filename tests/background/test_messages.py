"""Messages as lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_hydrapicker.background.messages import (
    Broken,
    Cancel,
    Failed,
    Finished,
    Message,
    MicrographRef,
    Picked,
    PickRequest,
    Ready,
    from_line,
    to_line,
)

number = st.integers(0, 2**53)
length = st.floats(0, 1e6)
text = st.text()
messages = st.one_of(
    st.builds(
        PickRequest, number, st.lists(st.builds(MicrographRef, number, text, number, length)).map(tuple),
        length, st.none() | text, text, text, st.none() | length, st.booleans(), st.none() | length,
    ),
    st.builds(Cancel, number),
    st.builds(Ready, text, length),
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
    "line", [b"", b"hello\n", b"[1]\n", b'{"type": "Nothing"}\n', b'{"type": "Cancel"}\n']
)
def test_what_is_no_message_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match="not a message"):
        from_line(line)
