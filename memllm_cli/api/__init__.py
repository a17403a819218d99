"""The program as a Python library; its names are those of the package itself."""
