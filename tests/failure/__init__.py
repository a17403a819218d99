"""What can go wrong with a knowledge base, tried: each module is a command with a size, and CI runs a small size of it.

python -m tests.failure.crash --kills 5000
"""
