"""The models a home has: the catalog, the files it builds, adapters merged into a base."""
