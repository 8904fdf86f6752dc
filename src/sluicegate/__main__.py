"""`python -m sluicegate` is the `sluicegate` command."""

import sys


def main() -> None:
    """Run the command line."""
    if sys.argv[1:] == ["serve"]:  # a gateway needs neither the other commands nor the library of the command line
        from sluicegate.cli.serve import serve

        serve()
        return
    from sluicegate.cli.app import app

    app()


if __name__ == "__main__":
    main()
