"""The sections of the dock: what is seen."""
