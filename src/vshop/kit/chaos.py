"""Is this incident on, for this request? Asked at each chaos site, in one line; answered from memory in microseconds.

The switch state comes from the chaos board over OFREP (see ``chaos_follower``); what is asked goes through the OpenFeature SDK,
so any other provider, such as flagd's, can stand in for the board.
https://openfeature.dev/specification/ · https://github.com/open-feature/protocol
"""

import random
import time
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import TypeMismatchError
from openfeature.flag_evaluation import FlagEvaluationDetails, FlagResolutionDetails, Reason
from openfeature.provider import AbstractProvider, Metadata
from opentelemetry import baggage, trace

BAGGAGE_KEY = "shop.chaos"
"""W3C baggage member that switches incidents on for one request alone; several ids are joined by ``+``."""
FLAG_SET = "shop"
PROVIDER_NAME = "vshop-chaos-board"


class Switch(msgspec.Struct, frozen=True, kw_only=True):
    """One incident as it is switched: the value of its flag and, as the flag's metadata, for whom and how long."""

    on: bool = False
    probability: float = 1.0
    """Share of the requests it is on for, 0 to 1."""
    items: tuple[int, ...] = ()
    """Only orders for these items; all when empty."""
    until: float | None = None
    """Seconds since the epoch after which it is off again."""

    def holds(self, now: float) -> bool:
        """Tell whether it is on for anybody at a time."""
        return self.on and (self.until is None or now < self.until)

    def is_on(self, item: object, now: float, chance: random.Random) -> bool:
        """Tell whether it is on for a request.

        Args:
            item: the item the request is about, or None.
            now: seconds since the epoch.
            chance: drawn from where the switch is on for a share of the requests only.
        """
        if not self.holds(now) or (self.items and item not in self.items):
            return False
        return self.probability >= 1.0 or chance.random() < self.probability

    def reason(self) -> Reason:
        """Name, in OpenFeature's words, what decides whether it is on for a request."""
        if self.on and self.probability < 1.0:
            return Reason.SPLIT
        return Reason.TARGETING_MATCH if self.on and self.items else Reason.STATIC


class BoardProvider(AbstractProvider):
    """An OpenFeature provider that holds those of the board's switches that are on."""

    def __init__(self, chance: random.Random | None = None) -> None:
        """Begin with nothing on.

        Args:
            chance: decides for whom a switch with a probability is on; one with a seed makes it repeatable.
        """
        super().__init__()
        self.switches: Mapping[str, Switch] = {}
        self._chance = chance or random.Random()  # noqa: S311 - chance, not secrecy

    def replace(self, switches: Mapping[str, Switch]) -> None:
        """Take a new state over, all of it at once."""
        self.switches = {incident: switch for incident, switch in switches.items() if switch.on}

    def get_metadata(self) -> Metadata:
        """Name the provider."""
        return Metadata(name=PROVIDER_NAME)

    def resolve_boolean_details(
        self,
        flag_key: str,
        default_value: bool,  # noqa: FBT001 - the SDK's signature
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        """Tell whether an incident is on: for this request by its baggage, or by its switch."""
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
        """Refuse: switches are boolean."""
        raise TypeMismatchError(f"{flag_key} is a switch of the chaos board, thus boolean.")

    resolve_string_details = resolve_integer_details = resolve_float_details = resolve_object_details = _only_boolean


class Switches(Protocol):
    """What a chaos site is given: something to ask."""

    def on(self, incident: str, *, item: int | None = None) -> bool:
        """Tell whether an incident is on here and now."""


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
        if asked is None and self._provider is not None and incident not in self._provider.switches:
            return False  # the usual case costs a look
        attributes: dict[str, Any] = {BAGGAGE_KEY: _ids(asked)}
        if item is not None:
            attributes["item"] = item
        details = self._client.get_boolean_details(incident, False, EvaluationContext(attributes=attributes))  # noqa: FBT003 - the SDK's
        if self._reveal and details.value:
            self._tell(incident, details)
        return details.value

    def _tell(self, incident: str, details: FlagEvaluationDetails[bool]) -> None:
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


class _NoChaos:
    def on(self, incident: str, *, item: int | None = None) -> bool:  # noqa: ARG002 - the protocol's
        """Say no."""
        return False


NO_CHAOS: Switches = _NoChaos()
"""Nothing is ever on: for what is built without a board, as in tests."""


def _ids(asked: object) -> tuple[str, ...]:
    """Take a baggage value apart: W3C's properties are cut off; the propagator makes spaces of ``+`` on the way in."""
    return tuple(str(asked).partition(";")[0].replace("+", " ").split()) if asked else ()
