"""The image's entry point: checks what OpenTelemetry's API reads, and then runs the container's command.

A service cannot check it, because it imports the API, whose import ends in a traceback for an unknown propagator.
"""

import os
import sys

from vshop.kit.settings import SettingsError
from vshop.kit.telemetry.variables import check_components_of_api

if __name__ == "__main__":
    try:
        check_components_of_api(os.environ)
    except SettingsError as error:
        sys.exit(str(error))
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - no shell is wanted
