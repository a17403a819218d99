"""Pointing: where a text answers a question, and whether it does, by a small encoder with a head over its tokens.

The encoder and the head are numpy; nothing here knows of language models, of the store or of files of documents.
"""
