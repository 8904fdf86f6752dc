"""`python -m sluicegate` is the `sluicegate` command."""


def main() -> None:
    """Run the command line."""
    from sluicegate.cli.app import app

    app()


if __name__ == "__main__":
    main()
