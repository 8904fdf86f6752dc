"""The audit log: what is recorded, the tree that makes it evidence, and how an outsider verifies it."""
