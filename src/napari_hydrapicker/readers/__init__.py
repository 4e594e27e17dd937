"""Readers of micrograph files: one module a file format, told apart by content."""
