"""The HTTP session of those who look at the shop from outside: no proxy, no credentials, no connection about to be closed."""

import time
from http.client import HTTPException

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError
from urllib3.response import HTTPResponse

IDLE_S = 5.0
"""How long a connection may have been idle to be used again. The services close theirs after 10 s."""


def why(error: requests.RequestException) -> str:
    """Say in a few words why a request failed: what the system said first, without the libraries it went through.

    Args:
        error: as requests raised it.

    Returns:
        For instance ``Connection refused``.
    """
    innermost: BaseException = error
    while isinstance(within := innermost.__cause__ or innermost.__context__, OSError | HTTPException | HTTPError):
        innermost = within
    return getattr(innermost, "strerror", None) or str(innermost) or str(error)


class _Connection(HTTPConnection):
    """Counts as closed before the service closes it.

    What lies between may tell of the closing late: ``kubectl port-forward`` up to a second after, and what is sent
    meanwhile is lost, and the forward with it.
    """

    _answered_at = 0.0

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3 has it
        """Read the answer's head."""
        response = super().getresponse()
        self._answered_at = time.monotonic()
        return response

    @property
    def is_connected(self) -> bool:
        """Whether it may be used for another request."""
        return super().is_connected and time.monotonic() - self._answered_at < IDLE_S


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


def http_session(user_agent: str, connections: int = 10) -> requests.Session:
    """Make a session, which may be shared by threads.

    Args:
        user_agent: what it calls itself.
        connections: that are kept to a host; as many threads may ask it at a time without making new ones.
    """
    adapter = HTTPAdapter(pool_maxsize=connections)
    # https://urllib3.readthedocs.io/en/stable/reference/urllib3.poolmanager.html
    adapter.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": HTTPSConnectionPool}
    session = requests.Session()
    session.mount("http://", adapter)
    session.trust_env = False
    session.headers["User-Agent"] = user_agent
    return session
