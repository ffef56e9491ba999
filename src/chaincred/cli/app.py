"""The program: which commands there are, and what becomes of an error.

Exit codes are a promise (docs/cli.md): a script must be able to tell a denial from a fault.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import click
from click.exceptions import Exit, NoArgsIsHelpError

from chaincred import CaveatRefused, ChaincredError, Denied
from chaincred.cli import output

OK: Final = 0
DENIED: Final = 1
USAGE: Final = 2
ERROR: Final = 3
INTERRUPTED: Final = 130
PIPE_CLOSED: Final = 141

COMMANDS: Final[Mapping[str, str]] = {
    "keygen": "keygen:keygen",
    "issue": "issue:issue",
    "attenuate": "attenuate:attenuate",
    "inspect": "inspect:inspect",
    "present": "present:present",
    "verify": "verify:verify",
    "explain": "verify:explain",
    "revoke": "revoke:revoke",
    "list": "listing:show_list",
    "call": "call:call",
    "sign-in": "sign_in:sign_in",
    "audit": "audit:audit",
    "vectors": "conformance:vectors",
    "demo": "demo:demo",
    "serve": "chaincred_verifier.serve:serve",
    "doctor": "chaincred_verifier.doctor:doctor",
    "restore": "chaincred_verifier.restore:restore",
}

_NAME: Final = "chaincred"
_COMPLETE: Final = "_CHAINCRED_COMPLETE"


class Program(click.Group):
    """A group that imports a command when it is wanted, and never ends in a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, function = COMMANDS[cmd_name].partition(":")
        # The service's own commands are named in full: it imports the library, not the other way.
        name = module if "." in module else f"chaincred.cli.{module}"
        try:
            command: click.Command = getattr(importlib.import_module(name), function)
        except ModuleNotFoundError as error:
            if "." not in module or (error.name or "").startswith(module.partition(".")[0] + "."):
                raise
            message = f"{cmd_name} is an extra: pip install 'chaincred[verifier]'"
            raise click.ClickException(message) from error
        return command

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        if not standalone_mode or _COMPLETE in os.environ:
            return super().main(args, _NAME, _COMPLETE, standalone_mode, **extra)
        sys.exit(run(self, list(sys.argv[1:] if args is None else args), **extra))


def run(program: Program, args: list[str], **extra: Any) -> int:
    # Before anything is parsed: wrong usage is answered in JSON too.
    as_json = "--json" in args
    output.never_fail_on_a_character()
    try:
        with program.make_context(_NAME, list(args), **extra) as context:
            return program.invoke(context) or OK
    except Exit as exit:
        return exit.exit_code
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        output.close()
        return PIPE_CLOSED
    except NoArgsIsHelpError as error:
        error.show()
        return USAGE
    except (click.ClickException, ChaincredError, OSError, ValueError) as error:
        return _report(error, as_json)


def _report(error: Exception, as_json: bool) -> int:
    exit_code, code, message = _said(error)
    failures = error.failures if isinstance(error, CaveatRefused) else ()
    try:
        output.refusal(as_json, code, message, failures)
    except OSError:
        # Standard output is full or gone; the exit code still tells.
        output.close()
    return exit_code


def _said(error: Exception) -> tuple[int, str, str]:
    if isinstance(error, ChaincredError):
        return DENIED if isinstance(error, Denied) else ERROR, error.code, str(error)
    if isinstance(error, click.UsageError):
        path = error.ctx.command_path if error.ctx else _NAME
        return USAGE, "usage", f"{error.format_message()} (see '{path} --help')"
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return ERROR, "file", f"{where}{error.strerror or error}"
    # The library raises ValueError for what its caller cannot mean, and its caller is a person.
    return USAGE, "usage", str(error)


@click.group(
    cls=Program,
    name=_NAME,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Exit codes:
  0    admitted, or done
  1    denied
  2    wrong usage: nothing was done
  3    malformed input, or a file or list that is refused
  130  interrupted; 141: the reader of the output went away

\b
Completion (zsh and fish alike):
  eval "$(_CHAINCRED_COMPLETE=bash_source chaincred)"

\b
Example:
  chaincred demo
""",
)
@click.version_option(package_name="chaincred", prog_name=_NAME)
def main() -> None:
    """Tokens that agents pass on, each narrower than the last.

    TOKEN and PRESENTATION are a text, a file that holds it, or - for standard input. Messages go
    to standard error, answers to standard output.
    """
