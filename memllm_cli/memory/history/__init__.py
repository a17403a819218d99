"""All that was ever stated, and what counts of it at a moment."""
