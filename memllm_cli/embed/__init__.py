"""Text encoders behind one protocol (`base.Embedder`): llama.cpp (starts fast), sentence-transformers (bulk)."""
