"""The files of a knowledge base: the database, the journal ahead of it, the lock, the caches."""
