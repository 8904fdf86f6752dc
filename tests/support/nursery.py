"""Starts the gateway again and again without importing it each time: for each line read, one child that serves.

A child does what `sluicegate serve` does once it is imported. Its number is written as `pid N`, then comes what it writes
itself; when it has ended that is written as `ended`, and the next line is read.
"""

import os
import sys

import sluicegate.app
import sluicegate.web.admin.api
from sluicegate.cli import serve


def main() -> None:
    """Serve children until standard input ends."""
    assert sluicegate.app
    assert sluicegate.web.admin.api
    for _ in sys.stdin:
        child = os.fork()
        if not child:
            serve.serve()
            os._exit(0)
        sys.stdout.write(f"pid {child}\n")
        sys.stdout.flush()
        os.waitpid(child, 0)
        sys.stdout.write("ended\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
