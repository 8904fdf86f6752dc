"""The commands, put together."""

import typer

from sluicegate.cli.audit import app as audit
from sluicegate.cli.doctor import doctor
from sluicegate.cli.keys import app as keys
from sluicegate.cli.models import app as models
from sluicegate.cli.policy import app as policy
from sluicegate.cli.serve import serve
from sluicegate.cli.shell_init import shell_init
from sluicegate.cli.use_cases import app as use_cases
from sluicegate.cli.wrap import wrap

app = typer.Typer(
    help="Sluicegate: a governance-first AI gateway.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("serve")(serve)
app.command("doctor")(doctor)
app.command("shell-init")(shell_init)
app.command("wrap", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(wrap)
app.add_typer(keys, name="keys")
app.add_typer(use_cases, name="use-cases")
app.add_typer(models, name="models")
app.add_typer(policy, name="policy")
app.add_typer(audit, name="audit")
