"""The read loop, batched writing and ingest. They yield events; whoever shows them is a renderer."""
