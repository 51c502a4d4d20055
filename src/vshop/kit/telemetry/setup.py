"""Chooses how a service is instrumented."""

import logging
import os
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator

from vshop.kit.settings import Settings, SettingsError
from vshop.kit.telemetry import logs
from vshop.kit.telemetry.api import Payloads, Telemetry
from vshop.kit.telemetry.dialects import exceptions
from vshop.kit.telemetry.modes import NONE, SDK, VARIABLE, telemetry_mode

log = logging.getLogger(__name__)


def start(service: str, settings: Settings) -> Telemetry:
    """Set up logs, and the telemetry of ``SHOP_TELEMETRY``.

    Where an agent has set up a tracer provider, the service uses it, and shows no payloads unless ``SHOP_PAYLOADS=full`` is set:
    what an agent exports is not redacted.

    Args:
        service: ``service.name``, unless ``OTEL_SERVICE_NAME`` is set.
        settings: ``telemetry``, ``tail_sampling``, ``exceptions``, ``payloads`` and ``payload_limit_bytes`` are read.

    Raises:
        SettingsError: ``SHOP_TELEMETRY=sdk`` is set, and another program has set up a provider.
    """
    logs.install(service)
    if not propagate.get_global_textmap().fields:  # OTEL_PROPAGATORS=none
        propagate.set_global_textmap(_NoPropagator([]))
    mode = telemetry_mode({**os.environ, VARIABLE: settings.telemetry})
    provider = trace.get_tracer_provider()
    foreign = not isinstance(provider, trace.ProxyTracerProvider)
    if mode == SDK and not foreign:
        from vshop.kit.telemetry.sdk import SdkTelemetry  # noqa: PLC0415 - the SDK, which the other modes must not load

        return SdkTelemetry(service, Payloads(settings), exceptions(settings.exceptions), settings.tail_sampling)
    found = f"{type(provider).__module__}.{type(provider).__qualname__}"
    if mode == SDK and os.environ.get(VARIABLE):
        raise SettingsError(
            f"{VARIABLE}=sdk cannot be used: another program has set up the tracer provider {found}. "
            f"Remove that program, or unset {VARIABLE}."
        )
    logs.redact_records()
    payloads = Payloads(settings, visible=os.environ.get("SHOP_PAYLOADS") == "full")
    _announce(mode, found if foreign else "", payloads)
    return Telemetry(payloads, f"another program's {found}" if mode == SDK else mode)


class _NoPropagator(CompositePropagator):
    """The API's own extracts None instead of a context, on which instrumentations hang."""

    def extract(self, carrier: Any, context: Context | None = None, getter: Any = None) -> Context:  # noqa: ARG002
        return Context() if context is None else context


def _announce(mode: str, provider: str, payloads: Payloads) -> None:
    shown = "with payloads (SHOP_PAYLOADS=full)" if payloads.visible else "without payloads"
    if mode == SDK:
        log.warning("found the tracer provider %s of another program: using it, %s", provider, shown)
    elif mode == NONE and not provider:
        log.info("telemetry is off (%s=none)", VARIABLE)
    else:
        log.info("%s=%s: using the tracer provider %s, %s", VARIABLE, mode, provider or "of the agent, if it has one", shown)
