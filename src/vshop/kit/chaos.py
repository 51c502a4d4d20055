"""Is this incident on, for this request? Asked at each chaos site, in one line; answered from memory in microseconds.

The switch state comes from the chaos board over OFREP (see ``chaos_follower``); what is asked goes through the OpenFeature SDK,
so any other provider, such as flagd's, can stand in for the board.
https://openfeature.dev/specification/ · https://github.com/open-feature/protocol
"""

import random
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import FlagResolutionDetails, Reason
from openfeature.provider import AbstractProvider, Metadata
from opentelemetry import baggage, trace

BAGGAGE_KEY = "shop.chaos"
"""W3C baggage member that switches incidents on for one request alone; several ids are joined by ``+``."""
FLAG_SET = "shop"


class Switch(msgspec.Struct, frozen=True, kw_only=True):
    """One incident as it is switched: the value of its flag and, as the flag's metadata, for whom and how long."""

    on: bool = False
    probability: float = 1.0
    """Share of the requests it is on for, 0 to 1."""
    items: list[int] = []
    """Only orders for these items; all when empty."""
    until: float | None = None
    """Seconds since the epoch after which it is off again."""

    def is_on(self, item: int | None) -> bool:
        """Tell whether it is on for a request, by time, item and chance."""
        if not self.on or (self.until is not None and time.time() > self.until):
            return False
        if self.items and item not in self.items:
            return False
        return self.probability >= 1.0 or random.random() < self.probability  # noqa: S311 - chance, not secrecy


class BoardProvider(AbstractProvider):
    """An OpenFeature provider that holds the board's switches in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.switches: Mapping[str, Switch] = {}

    def replace(self, switches: Mapping[str, Switch]) -> None:
        """Take a new state over, all of it at once."""
        self.switches = dict(switches)

    def get_metadata(self) -> Metadata:
        """Name the provider."""
        return Metadata(name="vshop-chaos-board")

    def resolve_boolean_details(
        self,
        flag_key: str,
        default_value: bool,
        evaluation_context: EvaluationContext | None = None,  # noqa: FBT001 - the SDK's signature
    ) -> FlagResolutionDetails[bool]:
        """Tell whether an incident is on: for this request by its baggage, or by its switch."""
        attributes: Mapping[str, Any] = evaluation_context.attributes if evaluation_context else {}
        if flag_key in attributes.get(BAGGAGE_KEY, ()):
            return FlagResolutionDetails(True, variant="on", reason=Reason.TARGETING_MATCH)  # noqa: FBT003
        switch = self.switches.get(flag_key)
        on = switch.is_on(attributes.get("item")) if switch else default_value
        return FlagResolutionDetails(on, variant="on" if on else "off", reason=Reason.STATIC if switch else Reason.DEFAULT)

    def _only_boolean(self) -> Any:
        raise TypeError("The chaos board holds boolean flags only.")

    def resolve_string_details(self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None) -> Any:
        """Refuse: switches are boolean."""
        return self._only_boolean()

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> Any:
        """Refuse: switches are boolean."""
        return self._only_boolean()

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> Any:
        """Refuse: switches are boolean."""
        return self._only_boolean()

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Sequence[Any] | Mapping[str, Any],
        evaluation_context: EvaluationContext | None = None,
    ) -> Any:
        """Refuse: switches are boolean."""
        return self._only_boolean()


class Chaos:
    """What a service asks at its chaos sites."""

    def __init__(self, client: OpenFeatureClient, provider: BoardProvider | None, *, reveal: bool = False) -> None:
        """Build it.

        Args:
            client: evaluates the flags.
            provider: the board's provider, to know when nothing at all is on; None when another provider stands in.
            reveal: whether an evaluation that is on leaves a ``feature_flag.evaluation`` event on the span.
        """
        self._client = client
        self._provider = provider
        self._reveal = reveal

    def on(self, incident: str, *, item: int | None = None) -> bool:
        """Tell whether an incident is on here and now.

        Args:
            incident: its id.
            item: the item the request is about, for switches that target items.
        """
        asked = baggage.get_baggage(BAGGAGE_KEY)
        if asked is None and self._provider is not None and not self._provider.switches:
            return False  # nothing is on anywhere: the usual case costs a look
        attributes = {"item": item, BAGGAGE_KEY: tuple(str(asked).split("+")) if asked else ()}
        details = self._client.get_boolean_details(incident, False, EvaluationContext(attributes=attributes))  # noqa: FBT003 - the SDK's
        if self._reveal and details.value:
            # https://opentelemetry.io/docs/specs/semconv/feature-flags/feature-flags-events/
            trace.get_current_span().add_event(
                "feature_flag.evaluation",
                {
                    "feature_flag.key": incident,
                    "feature_flag.result.variant": details.variant or "on",
                    "feature_flag.result.reason": str(details.reason or "unknown").lower(),
                    "feature_flag.set.id": FLAG_SET,
                    "feature_flag.provider.name": "vshop-chaos-board",
                },
            )
        return details.value
