"""`sluicegate serve`: run the gateway."""

import sys


def serve() -> None:
    """Run the gateway until SIGTERM or Ctrl-C. Settings come from the file, `.env` and the environment."""
    from sluicegate.cli.start import Unstartable, serve_forever

    try:
        serve_forever()
    except Unstartable as error:
        sys.exit(str(error))
    except KeyboardInterrupt:  # before the server listens to signals
        sys.exit("Aborted!")
