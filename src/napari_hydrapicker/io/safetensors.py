"""Files of weights: safetensors with a format name, a checksum, and JSON metadata checked against a model."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from safetensors import SafetensorError, safe_open

from napari_hydrapicker.errors import WeightsError

if TYPE_CHECKING:  # metadata are read where nobody waits for torch to load
    from torch import Tensor, nn

# What a newer version's description fails with: a field or a word that it has and this one has not.
_NEWER = frozenset({"extra_forbidden", "literal_error", "enum", "union_tag_invalid"})

Described = TypeVar("Described", bound=BaseModel)
Module = TypeVar("Module", bound="nn.Module")

GET_ANOTHER = "Copy or download the file again, or choose another one."
NETWORK, HEAD, GENERATOR = "napari-hydrapicker", "napari-hydrapicker head", "napari-hydrapicker cgan"
KINDS = {
    NETWORK: "a network of HydraPicker",
    HEAD: "a head of HydraPicker",
    GENERATOR: "a generator of the cGAN picker",
}
"""What files of a format are called."""


def parse(path: Path, text: str, model: type[Described], newest: int, called: tuple[str, str]) -> Described:
    """Read a description.

    Parameters
    ----------
    path
        Of the file that it is in.
    text
        The JSON; its ``format_version`` is looked at first.
    model
        What it has to be.
    newest
        The newest version that this program reads.
    called
        What messages call the format, and the description.

    Raises
    ------
    WeightsError
        If it is damaged or comes from a newer version.
    """
    format_name, noun = called
    try:
        content = from_json(text)
        version = content.get("format_version") if isinstance(content, dict) else None
        if isinstance(version, int) and version > newest:
            raise WeightsError(
                f"{path}: written by a newer version of napari-hydrapicker ({format_name} {version}, this "
                f"one reads up to {newest}). Update napari-hydrapicker."
            )
        return model.model_validate(content)
    except ValidationError as error:
        if has_newer(error):
            raise WeightsError(
                f"{path}: its {noun} says something that is unknown here: {reason(error)}. A newer version "
                f"of napari-hydrapicker has probably written it: update napari-hydrapicker. {GET_ANOTHER}"
            ) from error
        raise WeightsError(f"{path}: its {noun} is invalid: {reason(error)}. {GET_ANOTHER}") from error
    except ValueError as error:
        raise WeightsError(f"{path}: its {noun} is not JSON ({error}). {GET_ANOTHER}") from error


def has_newer(error: ValidationError) -> bool:
    """Whether a description fails by fields or words alone, which a newer version may have."""
    return all(one["type"] in _NEWER and "format_version" not in one["loc"] for one in error.errors())


def reason(error: ValidationError) -> str:
    """Say where the first thing is that is wrong, and what."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else first["msg"]


def write(path: Path, tensors: dict[str, Tensor], header: dict[str, str]) -> None:
    """Write tensors and a header; an existing file is replaced only once the new one is whole.

    The same tensors and header make the same file, byte for byte: files are compared by their checksums.

    Raises
    ------
    WeightsError
        If the file cannot be written.
    """
    from safetensors.torch import save

    # The tensors' bytes do not depend on the header, so the checksum can go into it.
    checksum = hashlib.sha256(_payload(save(tensors))).hexdigest()
    content = _in_order(save(tensors, metadata={**header, "sha256": checksum}))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise WeightsError(f"{path}: cannot be written ({reason}). Choose another folder.") from error
    finally:
        _discard(temporary)  # what is left of it, also if interrupted


def read_header(path: Path, file_format: str) -> dict[str, str]:
    """Header of a file whose ``format`` is `file_format`, without reading its tensors and without torch.

    Raises
    ------
    WeightsError
        If the file cannot be read or is of another format.
    """
    with _opened(path, "numpy") as file:
        return _header(path, file, file_format)


def read(path: Path, file_format: str) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Header and tensors, as stored, of a file whose ``format`` is `file_format`.

    Raises
    ------
    WeightsError
        If the file cannot be read, is of another format, or is damaged.
    """
    with _opened(path, "pt") as file:
        header = _header(path, file, file_format)
        if hashlib.sha256(_payload(path.read_bytes())).hexdigest() != header.get("sha256"):
            raise WeightsError(f"{path}: damaged: its tensors do not match their checksum. {GET_ANOTHER}")
        return header, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


@contextlib.contextmanager
def _opened(path: Path, framework: str) -> Iterator[Any]:
    if path.exists() and not (path.is_file() or path.is_dir()):  # a pipe would be waited for, for ever
        raise WeightsError(f"{path}: cannot be read (not a regular file). Check the path.")
    try:
        with safe_open(path, framework=framework) as file:
            yield file
    except OSError as error:
        # Mapping a folder into memory fails in words that do not tell.
        why = "it is a folder" if path.is_dir() else error.strerror or str(error)
        raise WeightsError(f"{path}: cannot be read ({why}). Check the path.") from error
    except SafetensorError as error:
        raise WeightsError(f"{path}: not a safetensors file, or damaged ({error}). {GET_ANOTHER}") from error


def _header(path: Path, file: Any, file_format: str) -> dict[str, str]:
    header: dict[str, str] = file.metadata() or {}
    found = header.get("format", "")
    if found != file_format:
        what = KINDS.get(found, "a file of another program")
        raise WeightsError(f"{path}: {what}, not {KINDS.get(file_format, file_format)}. {GET_ANOTHER}")
    return header


def check(path: Path, tensors: dict[str, Tensor], module: nn.Module) -> None:
    """Refuse tensors that are not just those of a module, as float16 or, where computed, float32.

    Raises
    ------
    WeightsError
        If one is missing, unknown, of another shape or type, or not finite.
    """
    import torch

    expected = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    for problem, names in (
        ("lacks", expected.keys() - tensors.keys()),
        ("has the unknown", tensors.keys() - expected.keys()),
    ):
        if names:
            raise WeightsError(
                f"{path}: {problem} tensor '{min(names)}' ({len(names)} in all). {GET_ANOTHER}"
            )
    for name, tensor in tensors.items():
        if tuple(tensor.shape) != expected[name] or tensor.dtype not in (torch.float16, torch.float32):
            raise WeightsError(
                f"{path}: tensor '{name}' is {tensor.dtype} of shape {tuple(tensor.shape)}, not float16 of "
                f"{expected[name]}. {GET_ANOTHER}"
            )
        if not bool(tensor.isfinite().all()):
            raise WeightsError(f"{path}: tensor '{name}' holds NaN or infinity. {GET_ANOTHER}")


def stored(tensor: Tensor) -> Tensor:
    """Return a tensor as it is written to a file."""
    import torch

    return tensor.detach().to("cpu", torch.float16).contiguous()


def write_module(
    path: Path, module: nn.Module, header: dict[str, str], what: str, without: tuple[str, ...] = ()
) -> None:
    """Write a module's tensors in float16, as `write` does.

    Parameters
    ----------
    path, module, header
        The file, and what goes into it.
    what
        What messages call the module.
    without
        Endings of the names of tensors that are left out.

    Raises
    ------
    WeightsError
        If it holds values that float16 cannot, or the file cannot be written.
    """
    state = module.state_dict()
    tensors = {name: stored(tensor) for name, tensor in state.items() if not name.endswith(without)}
    for name, tensor in tensors.items():
        if not bool(tensor.isfinite().all()):
            raise WeightsError(
                f"{path}: not written, since '{name}' of the {what} is not finite in float16. "
                "The training diverged: use an earlier state, or train with a lower learning rate."
            )
    write(path, tensors, header)


def fill_module(path: Path, tensors: dict[str, Tensor], module: Module) -> Module:
    """Give a module, made without storage, the tensors of a file in its own types; it is set to evaluate.

    Raises
    ------
    WeightsError
        As `check`.
    """
    check(path, tensors, module)
    # Assigning replaces the shapes without storage by the tensors of the file.
    state = {name: tensors[name].to(empty.dtype) for name, empty in module.state_dict().items()}
    module.load_state_dict(state, assign=True)
    module.eval()
    return module


def _payload(content: bytes) -> bytes:
    """The tensors of a safetensors file: 8 bytes give the header's length, the header follows."""
    return content[8 + int.from_bytes(content[:8], "little") :]


def _in_order(content: bytes) -> bytes:
    """Sort the header's texts, which safetensors writes in an order of chance."""
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    texts = dict(sorted(header.pop("__metadata__").items()))
    text = json.dumps({"__metadata__": texts, **header}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of 8
    return len(text).to_bytes(8, "little") + text + _payload(content)


def _discard(temporary: Path) -> None:
    # Best effort: where writing failed, the folder may not even be there.
    with contextlib.suppress(OSError):
        temporary.unlink(missing_ok=True)
