"""Pages to hand on: what memory holds on something, with where it stands."""
