"""A question becomes an answer: what memory may know of it, the reads a model makes, the events of both."""
