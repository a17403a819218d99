"""Drafting: names and triples that a small encoder and its heads propose for a document.

The encoder gives one vector a token; everything after it is numpy. Knows nothing of language models, of the store
or of files of documents.
"""
