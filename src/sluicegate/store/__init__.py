"""The database: one file of SQLite to start with, PostgreSQL later."""
