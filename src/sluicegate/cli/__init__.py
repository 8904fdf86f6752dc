"""The `sluicegate` command, one file per subcommand."""
