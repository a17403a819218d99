"""Evaluation: what writing and reading are worth, on annotated data, through the program's own path."""
