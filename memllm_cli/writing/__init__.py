"""A document becomes facts: drafts, what a model makes of them, and the plan of an ingest."""
