"""Where a shop keeps its things: one home folder a shop, one cache folder a user."""

import os
from pathlib import Path
from typing import NamedTuple


class Home(NamedTuple):
    """The one folder under which a shop's state, logs and data lie."""

    path: Path

    @property
    def state(self) -> Path:
        """The state file: what runs, where."""
        return self.path / "state.json"

    @property
    def lock(self) -> Path:
        """The file that is locked while the shop starts or stops."""
        return self.path / "lock"

    @property
    def kafka(self) -> Path:
        """Kafka's properties and data."""
        return self.path / "kafka"

    @property
    def jaeger(self) -> Path:
        """A real Jaeger's traces."""
        return self.path / "jaeger"

    @property
    def dynamodb(self) -> Path:
        """DynamoDB Local's tables."""
        return self.path / "dynamodb"

    @property
    def stock(self) -> Path:
        """Tables of moto, as it saved them when it was told to stop; it takes them up again when it starts."""
        return self.path / "dynamodb.json"

    @property
    def journal(self) -> Path:
        """What was switched when, and what is on: a restarted console takes it up again."""
        return self.path / "journal.ndjson"

    def log(self, part: str) -> Path:
        """The log file of a part.

        Args:
            part: the part's name.
        """
        return self.path / "logs" / f"{part}.log"


def home(path: Path | str | None = None) -> Home:
    """Find the home folder: the one given, else ``VSHOP_HOME``, else the user's state folder for ``vshop``.

    Args:
        path: a folder; need not exist.
    """
    chosen = path or os.environ.get("VSHOP_HOME")
    if chosen:
        return Home(Path(chosen).expanduser().absolute())
    import platformdirs  # noqa: PLC0415 - 10 ms that a given home does not need

    return Home(platformdirs.user_state_path("vshop"))


def cache() -> Path:
    """Find the folder for what every shop of this user shares: ``VSHOP_CACHE``, else the user's cache folder for ``vshop``."""
    chosen = os.environ.get("VSHOP_CACHE")
    if chosen:
        return Path(chosen).expanduser().absolute()
    import platformdirs  # noqa: PLC0415 - as above

    return platformdirs.user_cache_path("vshop")


def services() -> Path:
    """Find the services: ``services/`` beside the checkout's ``src``, else ``vshop/_services`` of the installed package."""
    package = Path(__file__).resolve().parents[1]
    checkout = package.parents[1] / "services"
    return checkout if package.parent.name == "src" and checkout.is_dir() else package / "_services"
