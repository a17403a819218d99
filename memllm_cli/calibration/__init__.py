"""Every probability and threshold of the program: small models over numbers."""
