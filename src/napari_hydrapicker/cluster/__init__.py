"""Picking on many processors and machines, and of micrographs that are still being written."""
