"""Scoring picks against known particles: matching, curves, reports. No torch, no Qt."""
