"""From a question to an answer: what in memory may answer is found, and what of it answers is pointed at."""
