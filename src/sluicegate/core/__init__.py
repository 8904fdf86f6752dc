"""The vocabulary every other package speaks; it imports nothing of ours outside itself."""
