"""Writing what a person asks for, with reads in mid-sentence where a name, a number or a date is due."""
