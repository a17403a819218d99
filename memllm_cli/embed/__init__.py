"""Text encoders behind one protocol (`types.Encoder`): llama.cpp (starts fast), sentence-transformers (bulk)."""
