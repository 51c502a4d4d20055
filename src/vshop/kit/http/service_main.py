"""Runs a service's ``main()``."""

import sys
from collections.abc import Callable
from typing import NoReturn

from vshop.kit.http.server import AddressInUseError
from vshop.kit.settings import SettingsError
from vshop.kit.telemetry.modes import start_as_configured


def run_service(main: Callable[[], None], service: str = "") -> NoReturn:
    """Run ``main`` and exit: with 0, or with 1 and a one-line reason if a setting is invalid or a port is in use.

    ``service`` is its name if an agent may instrument it (``SHOP_TELEMETRY``).
    """
    try:
        start_as_configured(service)
        main()
    except (SettingsError, AddressInUseError) as error:
        sys.exit(str(error))
    sys.exit(0)
