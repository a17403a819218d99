"""Finding: names by vector, facts by a partial triple, words in names and sentences."""
