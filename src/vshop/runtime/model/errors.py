"""Errors of starting and stopping a shop. Each message says what failed, what was seen and what to do.

::

    RuntimeProblem
    ├── UnknownNameError
    ├── PortInUseError
    ├── FetchError
    ├── PartFailedError
    │   ├── PartDiedError
    │   └── NotReadyError
    ├── HomeBusyError
    ├── NoLocksError
    ├── UnusableFolderError
    ├── NotRunningError
    ├── OtherOptionsError
    ├── JaegerError
    ├── ComposeError
    └── ClusterError
"""

import difflib
from collections.abc import Iterable


class RuntimeProblem(Exception):  # noqa: N818 - the root of the tree; its leaves are errors
    """Base class of the runtime's errors. The message is written for the user."""


class UnknownNameError(RuntimeProblem):
    """No port, part or setting has this name."""


class PortInUseError(RuntimeProblem):
    """The message names the holder, if visible."""


class FetchError(RuntimeProblem):
    """A server's files cannot be downloaded, or do not match their checksums."""


class PartFailedError(RuntimeProblem):
    """A part cannot start. The other parts have been stopped again."""

    def __init__(self, part: str, text: str) -> None:
        super().__init__(text)
        self.part = part


class PartDiedError(PartFailedError):
    """A part's process exited during the start."""


class NotReadyError(PartFailedError):
    """A part's process runs, but was not ready in time."""


class HomeBusyError(RuntimeProblem):
    """Another process is starting or stopping a shop in this home folder."""


class NoLocksError(RuntimeProblem):
    """A folder's file system has no file locks."""


class UnusableFolderError(RuntimeProblem):
    """The folder of the shop or of the downloads cannot be written."""


class NotRunningError(RuntimeProblem):
    """No shop runs here, or the shop has no part of that name."""


class OtherOptionsError(RuntimeProblem):
    """A shop runs already, with other options."""


class JaegerError(RuntimeProblem):
    """The requested Jaeger cannot be used."""


class ComposeError(RuntimeProblem):
    """Docker Compose is missing or failed, or a container is not healthy."""


class ClusterError(RuntimeProblem):
    """No cluster answers, or the shop does not become ready in it."""


def unknown_name(given: str, known: Iterable[str], kind: str) -> UnknownNameError:
    """Return the error for an unknown name, with the closest known one."""
    names = sorted(known)
    near = difflib.get_close_matches(given, names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return UnknownNameError(f"There is no {kind} {given!r}.{hint} There are: {', '.join(names)}.")
