"""`sluicegate wrap -- cmd`: run a command whose AI clients go through the gateway, with a short-lived virtual key."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from sqlalchemy import select

from sluicegate.cli.environment import variables
from sluicegate.cli.keys import mint_for, revoke_one
from sluicegate.cli.office import office
from sluicegate.cli.shell_init import Url
from sluicegate.settings import PREFIX
from sluicegate.store import tables

Key = Annotated[str, typer.Option(envvar="SLUICEGATE_KEY", help="Use this virtual key instead of a short-lived one.")]
UseCase = Annotated[str, typer.Option(help="The use case that the short-lived key is bound to.")]
Organisation = Annotated[str, typer.Option(help="The use case's organisation.")]
Minutes = Annotated[int, typer.Option(min=1, max=7 * 24 * 60, help="How long the short-lived key lives at most.")]

SHADOWING = frozenset({"ANTHROPIC_AUTH_TOKEN"})
"""Variables that clients would send instead of the virtual key."""


def wrap(
    context: typer.Context,
    key: Key = "",
    use_case: UseCase = "demo",
    organisation: Organisation = "default",
    minutes: Minutes = 8 * 60,
    url: Url = "http://127.0.0.1:8080",
) -> None:
    """Run the command after `--`; it ends with the command's own exit status.

    Without a key of your own one is made for the time of the command and revoked after it, so that the command never
    sees a lasting credential. That needs the gateway's database; elsewhere, give a key.
    """
    command = context.args
    if not command:
        raise typer.BadParameter("give a command after --, for example: sluicegate wrap -- claude")
    if shutil.which(command[0]) is None:
        typer.echo(f"{command[0]}: no such command", err=True)
        raise typer.Exit(127)
    if key:
        raise typer.Exit(_run(command, url, key, frozenset()))
    secrets = _secret_variables()
    made = mint_for(organisation, use_case, name="wrap", principal="service_account:wrap", minutes=minutes)
    try:
        status = _run(command, url, made.key, secrets)
    finally:
        revoke_one(made.row["id"])
    raise typer.Exit(status)


def _run(command: list[str], url: str, key: str, secrets: frozenset[str]) -> int:
    """The command's exit status; one that a signal ended reads as a shell would tell it, 128 + the signal."""
    with _signals() as pass_on:
        try:
            process = subprocess.Popen(command, env=_environment(url, key, secrets))  # noqa: S603 the user's own command
        except OSError as error:
            typer.echo(f"{command[0]}: {error.strerror}", err=True)
            return 126
        pass_on(process)
        status = process.wait()
    return 128 - status if status < 0 else status


def _environment(url: str, key: str, secrets: frozenset[str]) -> dict[str, str]:
    """Ours, without what the command must not see: the gateway's settings, `secrets`, a credential that would go first."""
    hidden = SHADOWING | secrets
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX) and name not in hidden}
    return {**kept, **variables(url, key)}


def _secret_variables() -> frozenset[str]:
    """The variables in which the gateway's own credentials for providers are."""
    with office() as opened:
        query = select(tables.provider.c.credential)
        references = opened.read(lambda connection: connection.execute(query).scalars().all())
    return frozenset(found.removeprefix("env:") for found in references if found and found.startswith("env:"))


@contextmanager
def _signals() -> Iterator[Callable[["subprocess.Popen[bytes]"], None]]:
    """Live until the command has ended, so that its key is revoked: what a terminal sends reaches the command by itself,
    and what only this process is sent is passed on to the command that the block names."""
    running: list[subprocess.Popen[bytes]] = []
    early: list[int] = []

    def pass_on(number: int, _frame: object) -> None:
        if running:
            running[0].send_signal(number)
        else:
            early.append(number)

    def begin(process: "subprocess.Popen[bytes]") -> None:
        running.append(process)
        for number in early:
            process.send_signal(number)

    # handlers, not SIG_IGN, which the command would inherit
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGQUIT)}
    before |= {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield begin
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
