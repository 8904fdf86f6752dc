"""How a body reads: one dialect per API, and the parser and walker they share."""
