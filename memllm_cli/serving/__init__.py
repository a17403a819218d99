"""Doors for other programs: the Model Context Protocol, and HTTP on this machine alone."""
