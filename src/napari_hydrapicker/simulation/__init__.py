"""Simulated micrographs with exactly known particle positions."""
