"""The HTTP session of the shop's clients: no proxy, and no connection that the server may close."""

import os
import time
from http.client import HTTPException
from pathlib import Path
from ssl import SSLCertVerificationError

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError
from urllib3.response import HTTPResponse

from vshop.kit.settings import SettingsError

IDLE_S = 5.0
"""The services close idle connections after 10 s."""


def failure_reason(error: requests.RequestException) -> str:
    """Return the innermost reason, such as ``Connection refused``."""
    innermost: BaseException = error
    while isinstance(within := innermost.__cause__ or innermost.__context__, OSError | HTTPException | HTTPError):
        innermost = within
    if isinstance(innermost, SSLCertVerificationError):
        return f"its certificate is not trusted ({innermost.verify_message}); set REQUESTS_CA_BUNDLE to the file of your CA"
    return getattr(innermost, "strerror", None) or str(innermost) or str(error)


def ca_bundle() -> str | None:
    """Return the file or folder of trusted CAs, or None for ``certifi``'s. Raises SettingsError if it does not exist.

    ``trust_env=False`` keeps requests from reading the variables itself.
    """
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        if path := os.environ.get(variable):
            if not Path(path).exists():
                raise SettingsError(f"{variable}={path} does not exist. Set it to the file with the certificate of your CA.")
            return path
    return None


class _Connection(HTTPConnection):
    """Reports itself as closed before the service closes it.

    ``kubectl port-forward`` passes a close on up to a second late, and loses a request sent in this second.
    """

    _answered_at = 0.0

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3 has it
        response = super().getresponse()
        self._answered_at = time.monotonic()
        return response

    @property
    def is_connected(self) -> bool:
        return super().is_connected and time.monotonic() - self._answered_at < IDLE_S


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


def http_session(user_agent: str, connections: int = 10) -> requests.Session:
    """Make a session that threads may share, with so many pooled connections per host."""
    adapter = HTTPAdapter(pool_maxsize=connections)
    # https://urllib3.readthedocs.io/en/stable/reference/urllib3.poolmanager.html
    adapter.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": HTTPSConnectionPool}
    session = requests.Session()
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    session.trust_env = False  # no proxy, no .netrc
    session.verify = ca_bundle() or True
    session.headers["User-Agent"] = user_agent
    return session
