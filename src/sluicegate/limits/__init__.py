"""What may be used: rates per virtual key, budgets per key and team, and the prices that turn tokens into money."""
