"""Provides telemetry to check."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from vshop.corpus import load_corpus
from vshop.corpus.loader import CorpusError
from vshop.corpus.otlp import SIGNALS, Json, Signal
from vshop.incidents import load_catalogue
from vshop.incidents.verify.trigger_orders import send_trigger
from vshop.kit.telemetry.dialects import OPT_IN, STABILITY, Form
from vshop.kit.times import Clock
from vshop.runtime.local.shop import Shop
from vshop.runtime.model.options import Options
from vshop.shop.addresses import Addresses
from vshop.shop.client import ShopClient
from vshop.shop.first_order import follow
from vshop.shop.traces import TraceReader


def from_files(path: Path) -> Mapping[Signal, list[Json]]:
    """Read a folder of OTLP JSON lines (``traces.jsonl``, …), or a corpus. Raises CorpusError."""
    files: dict[Signal, Path] = {signal: file for signal in SIGNALS if (file := path / f"{signal}.jsonl").exists()}
    if files:
        return {signal: msgspec.json.Decoder().decode_lines(file.read_bytes()) for signal, file in files.items()}
    if not path.exists():
        raise CorpusError(f"{path} does not exist.")
    corpus = load_corpus(path)
    return {signal: [case.otlp(signal) for case in corpus.values()] for signal in SIGNALS}


def from_new_shop(dialect: Form = "stable") -> Mapping[Signal, list[Json]]:
    """Start a shop, run the trigger of every incident for single requests, and return all telemetry.

    ``SHOP_EXCEPTIONS`` applies too. Raises RuntimeProblem or BrokenHopError.
    """
    with tempfile.TemporaryDirectory(prefix="vshop-conformance-", ignore_cleanup_errors=True) as folder:
        signals = Path(folder) / "signals"
        given = {name: os.environ[name] for name in ("SHOP_EXCEPTIONS",) if name in os.environ}
        env = {"SHOP_EXPORT_DIR": str(signals), STABILITY: OPT_IN[dialect], **given}
        options = Options(free_ports=True, home=str(Path(folder) / "shop"), env=env)
        with Shop.start(options) as shop:
            where = Addresses(**shop.client_addresses)
            client, clock = ShopClient(where), Clock()
            follow(client, TraceReader(where.traces), 30.0)
            for incident in load_catalogue().values():
                if incident.switch is None:
                    send_trigger(incident.trigger, client, clock)
                elif "request" in incident.switch.scope:
                    send_trigger(incident.trigger, client, clock, incident.id)
            follow(client, TraceReader(where.traces), 30.0)  # once its trace is whole, all earlier records are processed
            client.flush()
            client.flush_forwarding()
        return from_files(signals)
