"""The store: facts with their history and evidence in one DuckDB file, found by name and by similarity."""
