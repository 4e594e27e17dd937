"""``python -m napari_hydrapicker.background``: the worker process."""

from napari_hydrapicker.background.worker import main

main()
