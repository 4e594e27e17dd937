"""Training of both pickers, from data sets to the file that is picked with."""
