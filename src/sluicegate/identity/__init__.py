"""Who calls and who administers: virtual keys, use cases, roles, passwords and sessions."""
