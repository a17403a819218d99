"""Extracting: statements that a text makes, each with its truth and its time, by an encoder and heads over its tokens.

The encoder and the heads are numpy; nothing here knows of language models, of the store or of files of documents.
"""
