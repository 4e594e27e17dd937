"""Files: micrographs, weights, coordinates; names that match; writing that never leaves half a file."""
