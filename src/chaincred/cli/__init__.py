"""What a person types: `chaincred`, an extra (`pip install chaincred[cli]`).

One module a command, loaded when it is asked for; `app` runs them and turns what they raise into
exit codes. Nothing here decides: the library does.
"""

from chaincred.cli.app import main

__all__ = ["main"]
