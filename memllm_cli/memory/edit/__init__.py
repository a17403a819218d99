"""Changing memory: operations, their statements, identity, bulk loads."""
