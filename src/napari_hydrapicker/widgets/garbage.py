"""The one collection of all garbage that would come while the user is at work."""

from __future__ import annotations

import gc
from functools import cache


@cache
def collect_early() -> None:
    """Collect all garbage now, the first time in a process; call it where the user waits anyway.

    A window of napari has some 300,000 objects, which take Python a fifth of a second to look through. It
    does that when a quarter as many have come, and nearly as many come with this package and its first
    layers: the window would stand still at some moment of the next minutes. Browsing brings too few for that.
    """
    gc.collect()
