"""The chat at a terminal, and the renderer of answers."""
