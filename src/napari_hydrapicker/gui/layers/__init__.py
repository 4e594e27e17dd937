"""All that touches napari's layers."""
