"""Reads of memory: what a question may be asking, the reads a model makes, the events of answering."""
