"""2-D alignment and classification of picks: which of them are particles, seen in their averages."""
