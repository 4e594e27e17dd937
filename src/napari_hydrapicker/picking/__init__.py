"""Pickers, and picking many micrographs into a folder."""
