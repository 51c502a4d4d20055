"""Runs a service: what its operator can mend ends it with a sentence, not with a stack trace."""

import sys
from collections.abc import Callable
from typing import NoReturn

from vshop.kit.server import AddressInUseError
from vshop.kit.settings import SettingsError


def run(main: Callable[[], None]) -> NoReturn:
    """Run a program and exit: 0, or 1 with the reason on stderr when a setting cannot be used or a port is taken."""
    try:
        main()
    except (SettingsError, AddressInUseError) as error:
        sys.exit(str(error))
    sys.exit(0)
