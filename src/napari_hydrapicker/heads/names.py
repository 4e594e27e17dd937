"""Names of heads."""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import count

from napari_hydrapicker.errors import ParameterError

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
# torch keeps the heads as attributes of a module: these words would hide one of its own.
_RESERVED_WORDS = """
    T_destination add_module apply bfloat16 buffers call_super_init children clear compile cpu cuda
    double dump_patches eval extra_repr float forward get_buffer get_extra_state get_parameter
    get_submodule half ipu items keys load_state_dict modules mtia named_buffers named_children
    named_modules named_parameters parameters pop register_backward_hook register_buffer
    register_forward_hook register_forward_pre_hook register_full_backward_hook
    register_full_backward_pre_hook register_load_state_dict_post_hook register_load_state_dict_pre_hook
    register_module register_parameter register_state_dict_post_hook register_state_dict_pre_hook
    requires_grad_ set_extra_state set_submodule share_memory state_dict to to_empty train training type
    update values xpu zero_grad
"""
_RESERVED = frozenset(_RESERVED_WORDS.split())
# Windows takes these for devices, whatever their case and extension.
_DEVICE = re.compile(r"con|prn|aux|nul|(com|lpt)[0-9]", re.IGNORECASE)


def check_head_name(name: str) -> None:
    """Refuse names that cannot stand for a file on every system.

    Raises
    ------
    ParameterError
        If `name` is not 1 to 64 letters, digits, hyphens or underscores, or is reserved.
    """
    if not _NAME.fullmatch(name):
        raise ParameterError(
            f"{name!r} cannot be the name of a head: use 1 to 64 letters (A-Z), digits, '-' and '_'."
        )
    if name in _RESERVED or name.startswith("__") or _DEVICE.fullmatch(name):
        raise ParameterError(
            f"{name!r} cannot be the name of a head: the word is reserved. Add to it, as in '{name}-1'."
        )


def free_name(name: str, taken: Collection[str]) -> str:
    """Return a name as it is, or with the first number behind it that makes it none of the taken ones."""
    others = (f"{name[:60]}-{number}" for number in count(2))
    return name if name not in taken else next(other for other in others if other not in taken)
