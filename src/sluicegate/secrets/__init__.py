"""Where credentials live: references that are read when a call needs them, never values in a table or a log."""
