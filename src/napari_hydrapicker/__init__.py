"""Particle picking for cryo-EM in napari: pick, correct, specialise, export."""

__version__ = "0.1.0"
