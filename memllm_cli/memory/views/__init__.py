"""Questions about memory itself: patterns, SQL, the log, conflicts, the history of a fact."""
