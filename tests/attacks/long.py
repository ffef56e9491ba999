"""Whether this is the long run (`make test-long`)."""

import os

LONG = bool(os.environ.get("CHAINCRED_LONG"))
