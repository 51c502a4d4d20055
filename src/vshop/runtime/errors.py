"""What can go wrong when a shop is started or stopped. Each text says what was tried, what was seen and what to do.

::

    RuntimeProblem
    ├── UnknownNameError       a port, a part or a setting that does not exist
    ├── PortInUseError         a port is taken, by whom
    ├── FetchError             a server's files could not be fetched, or are not the pinned ones
    ├── PartFailedError        a part cannot start
    │   ├── PartDiedError      its process ended
    │   └── NotReadyError      it lives, but was not ready in time
    ├── HomeBusyError          another start or stop is under way in the same home folder
    ├── NotRunningError        there is no shop to act on
    ├── JaegerError            the Jaeger asked for cannot be used
    ├── ComposeError           Docker Compose is not there, or could not do it
    └── ClusterError           no cluster answers, or the shop does not get ready in it
"""

from collections.abc import Iterable


class RuntimeProblem(Exception):  # noqa: N818 - the root of the tree; its leaves are errors
    """Anything this package raises on purpose; the text is fit to be shown to a person."""


class UnknownNameError(RuntimeProblem):
    """A name that means nothing here; near ones are named."""


class PortInUseError(RuntimeProblem):
    """One or more ports are taken; the text names each, its part, and its holder where that can be seen."""


class FetchError(RuntimeProblem):
    """A server's files could not be fetched, or one is not what was pinned."""


class PartFailedError(RuntimeProblem):
    """A part of the shop cannot start; everything that had started is stopped again."""

    def __init__(self, part: str, text: str) -> None:
        """Keep the part's name beside the text.

        Args:
            part: the part's name.
            text: what was tried, seen, and what to do.
        """
        super().__init__(text)
        self.part = part


class PartDiedError(PartFailedError):
    """A part's process ended while the shop was starting; the text holds its exit code and the end of its log."""


class NotReadyError(PartFailedError):
    """A part lives, but was not ready within the time given; the text holds what its last check saw."""


class HomeBusyError(RuntimeProblem):
    """Another process is starting or stopping a shop in the same home folder."""


class NotRunningError(RuntimeProblem):
    """No shop runs in this home folder, or the part asked for is not one of its parts."""


class JaegerError(RuntimeProblem):
    """The Jaeger that was asked for is not there, or is none that this shop can use."""


class ComposeError(RuntimeProblem):
    """Docker Compose is not there, or a container did not become ready; the text names it and quotes its log."""


class ClusterError(RuntimeProblem):
    """No Kubernetes cluster answers, or the shop does not get ready in it; the text quotes what the cluster says."""


def name_near(given: str, known: Iterable[str], kind: str) -> UnknownNameError:
    """Make the error for a name that does not exist, with the nearest one that does.

    Args:
        given: what was asked for.
        known: what exists.
        kind: what the name is one of, in the singular, e.g. ``port``.
    """
    import difflib  # noqa: PLC0415 - only on the way to an error

    names = sorted(known)
    near = difflib.get_close_matches(given, names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return UnknownNameError(f"There is no {kind} {given!r}.{hint} There are: {', '.join(names)}.")
