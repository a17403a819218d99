"""Training: from annotated texts to the weights the program ships. Needs the extra `train`."""
