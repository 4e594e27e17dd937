"""``python -m napari_hydrapicker.background``: the worker process."""

from __future__ import annotations

from napari_hydrapicker.worker.server import main

main()
