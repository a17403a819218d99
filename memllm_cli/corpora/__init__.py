"""Annotated texts, for training and evaluation: one form, and a reader for each published format."""
