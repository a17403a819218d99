"""The command line: Typer, one module a command; nothing heavy is imported before a command runs."""
