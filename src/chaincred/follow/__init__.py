"""Keeps a verifier's list fresh: an extra (`pip install chaincred[follow]`; specs/service.md 8).

A follower hears the list of a service by its stream, asks for it where no stream comes through,
and takes it as a whole where neither joins what the view holds. What it hears it gives to
`RevocationView.update`, which alone decides what to rely on: a follower cannot make a verifier
admit more, and where it fails the view goes stale, and stale means no.

`AsyncFollower` runs in an event loop, `Follower` in a thread of its own. `following` decides what
to do next, without clock or socket.
"""

from chaincred.follow.asynchronous import AsyncFollower
from chaincred.follow.state import FollowerState
from chaincred.follow.threaded import Follower

__all__ = ["AsyncFollower", "Follower", "FollowerState"]
