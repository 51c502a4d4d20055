"""Ships ``services/`` inside a built wheel as ``vshop/_services``; an editable install runs them where they lie."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ServicesHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the services to standard builds only."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Map the folder, unless the install is editable."""
        if version == "standard":
            build_data["force_include"]["services"] = "vshop/_services"
