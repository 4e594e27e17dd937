"""What napari sees of the package: the only modules that import napari or Qt."""
