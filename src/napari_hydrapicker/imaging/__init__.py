"""From pixels to what pickers see: rescaling, normalising, masks, display. Pure functions without torch."""
