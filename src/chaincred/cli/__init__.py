"""What a person types: `chaincred`, an extra (`pip install chaincred[cli]`).

One module a command, loaded when it is asked for; `app` runs them and turns what they raise into
exit codes. Nothing here decides: the library does.
"""

try:
    from chaincred.cli.app import main
except ModuleNotFoundError as error:
    if error.name != "click":
        raise
    raise SystemExit("chaincred: this is an extra: pip install 'chaincred[cli]'") from None

__all__ = ["main"]
