"""The chat and the renderer of answers."""
