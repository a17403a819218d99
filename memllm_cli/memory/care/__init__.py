"""Keeping a knowledge base whole: checks, backups, exports, tables, erasure."""
