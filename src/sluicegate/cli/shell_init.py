"""`sluicegate shell-init`: print the variables that point a shell's clients at the gateway."""

import shlex
from typing import Annotated

import typer

from sluicegate.cli.environment import variables

Key = Annotated[str, typer.Option(envvar="SLUICEGATE_KEY", help="The virtual key.", show_envvar=True)]
Url = Annotated[str, typer.Option(envvar="SLUICEGATE_URL", help="The gateway's address.", show_envvar=True)]
Shell = Annotated[str, typer.Option(help="The shell that reads it: sh (bash, zsh) or fish.")]


def shell_init(key: Key, url: Url = "http://127.0.0.1:8080", shell: Shell = "sh") -> None:
    """Print the variables for `eval "$(sluicegate shell-init)"`."""
    if shell not in ("sh", "fish"):
        raise typer.BadParameter("expected sh or fish", param_hint="--shell")
    for name, value in variables(url, key).items():
        quoted = shlex.quote(value)
        typer.echo(f"export {name}={quoted}" if shell == "sh" else f"set -gx {name} {quoted}")
