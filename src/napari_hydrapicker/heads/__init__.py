"""Heads as things that people keep: what is known of each, and the folders they lie in."""
