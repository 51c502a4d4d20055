"""Evaluates whether an incident is on for the current request: from memory, in microseconds.

It uses the OpenFeature SDK, so that any other provider, such as flagd's, can replace the board.
https://openfeature.dev/specification/ · https://github.com/open-feature/protocol
"""

import random
import time
from collections.abc import Mapping
from typing import Any

import msgspec
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import TypeMismatchError
from openfeature.flag_evaluation import FlagEvaluationDetails, FlagResolutionDetails, Reason
from openfeature.provider import AbstractProvider, Metadata
from opentelemetry import trace

from vshop.kit.chaos.baggage import BAGGAGE_KEY, requested_incidents

FLAG_SET = "shop"
PROVIDER_NAME = "vshop-chaos-board"


class Switch(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one incident."""

    on: bool = False
    probability: float = 1.0
    """Share of the requests, 0 to 1."""
    items: tuple[int, ...] = ()
    """Only for orders for these items; empty: all."""
    until: float | None = None
    """Seconds since the epoch."""

    def holds(self, now: float) -> bool:
        """Return whether the incident is on now, for any request."""
        return self.on and (self.until is None or now < self.until)

    def is_on(self, item: object, now: float, chance: random.Random) -> bool:
        """Return whether the incident is on for a request for this item, or for none."""
        if not self.holds(now) or (self.items and item not in self.items):
            return False
        return self.probability >= 1.0 or chance.random() < self.probability

    def reason(self) -> Reason:
        """Return OpenFeature's reason for the evaluation."""
        if self.on and self.probability < 1.0:
            return Reason.SPLIT
        return Reason.TARGETING_MATCH if self.on and self.items else Reason.STATIC


class BoardProvider(AbstractProvider):
    """An OpenFeature provider with the board's switches that are on."""

    def __init__(self, chance: random.Random | None = None) -> None:
        super().__init__()
        self.switches: Mapping[str, Switch] = {}
        self._chance = chance or random.Random()  # noqa: S311 - chance, not secrecy

    def replace(self, switches: Mapping[str, Switch]) -> None:
        """Replace all switches at once."""
        self.switches = {incident: switch for incident, switch in switches.items() if switch.on}

    def get_metadata(self) -> Metadata:
        """Return the provider's name."""
        return Metadata(name=PROVIDER_NAME)

    def resolve_boolean_details(
        self,
        flag_key: str,
        default_value: bool,  # noqa: FBT001 - the SDK's signature
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        """Evaluate an incident: on for the request, or by its switch."""
        attributes: Mapping[str, Any] = evaluation_context.attributes if evaluation_context else {}
        if flag_key in attributes.get(BAGGAGE_KEY, ()):
            return FlagResolutionDetails(True, variant="on", reason=Reason.TARGETING_MATCH)  # noqa: FBT003 - the SDK's signature
        switch = self.switches.get(flag_key)
        if switch is None:
            return FlagResolutionDetails(default_value, variant="on" if default_value else "off", reason=Reason.DEFAULT)
        on = switch.is_on(attributes.get("item"), time.time(), self._chance)
        return FlagResolutionDetails(on, variant="on" if on else "off", reason=switch.reason())

    def _only_boolean(
        self,
        flag_key: str,
        default_value: Any,  # noqa: ARG002 - the SDK's signature
        evaluation_context: EvaluationContext | None = None,  # noqa: ARG002 - the SDK's signature
    ) -> FlagResolutionDetails[Any]:
        raise TypeMismatchError(f"{flag_key} is a switch of the chaos board: evaluate it as a boolean.")

    resolve_string_details = resolve_integer_details = resolve_float_details = resolve_object_details = _only_boolean


class Switches:
    """The interface that a chaos site uses. All incidents are off."""

    def on(self, incident: str, *, item: int | None = None) -> bool:  # noqa: ARG002 - for subclasses
        """Return whether an incident is on for the current request."""
        return False


NO_CHAOS = Switches()


class Chaos(Switches):
    """Evaluates incidents for chaos sites. With ``reveal``, one that is on adds a ``feature_flag.evaluation`` event to the span."""

    def __init__(self, client: OpenFeatureClient, provider: BoardProvider | None, *, reveal: bool = False) -> None:
        self._client = client
        self._provider = provider
        self._reveal = reveal

    def on(self, incident: str, *, item: int | None = None) -> bool:
        """Return whether an incident is on for the current request."""
        requested = requested_incidents()
        if not requested and self._provider is not None and incident not in self._provider.switches:
            return False  # the usual case costs one look-up
        attributes: dict[str, Any] = {BAGGAGE_KEY: requested}
        if item is not None:
            attributes["item"] = item
        details = self._client.get_boolean_details(incident, False, EvaluationContext(attributes=attributes))  # noqa: FBT003 - the SDK's
        if self._reveal and details.value:
            self._add_event(incident, details)
        return details.value

    def _add_event(self, incident: str, details: FlagEvaluationDetails[bool]) -> None:
        # https://opentelemetry.io/docs/specs/semconv/feature-flags/feature-flags-events/
        trace.get_current_span().add_event(
            "feature_flag.evaluation",
            {
                "feature_flag.key": incident,
                "feature_flag.result.variant": details.variant or "on",
                "feature_flag.result.reason": str(details.reason or "unknown").lower(),
                "feature_flag.set.id": FLAG_SET,
                "feature_flag.provider.name": self._client.provider.get_metadata().name,
            },
        )
