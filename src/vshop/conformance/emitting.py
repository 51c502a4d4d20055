"""Gets telemetry to check: from files, from a corpus, or from a shop that is started for it and broken in every way it can be."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from vshop import addresses
from vshop.client import ShopClient
from vshop.corpus import load_corpus
from vshop.corpus.errors import CorpusError
from vshop.corpus.otlp import SIGNALS, Json, Signal
from vshop.first_order import follow
from vshop.incidents import load_catalogue
from vshop.runtime.options import Options
from vshop.runtime.shop import Shop
from vshop.verify.finder import TraceFinder
from vshop.verify.metric_reading import settle
from vshop.verify.pace import Pace
from vshop.verify.sending import send


def from_files(path: Path) -> Mapping[Signal, list[Json]]:
    """Read OTLP JSON lines (``traces.jsonl``, …) of a folder, or a corpus.

    Raises:
        CorpusError: it is neither.
    """
    lines = {signal: path / f"{signal}.jsonl" for signal in SIGNALS}
    if any(file.exists() for file in lines.values()):
        return {
            signal: [msgspec.json.decode(line) for line in file.read_bytes().splitlines()] if file.exists() else []
            for signal, file in lines.items()
        }
    if not path.exists():
        raise CorpusError(f"There is no {path}.")
    corpus = load_corpus(path)
    return {signal: [case.otlp(signal) for case in corpus.values()] for signal in SIGNALS}


def from_a_shop() -> Mapping[Signal, list[Json]]:
    """Start a shop, order, and order again under every incident that can be on for single requests; return all it emitted.

    Raises:
        RuntimeProblem: it cannot be started.
        BrokenHopError: it does not work.
    """
    with tempfile.TemporaryDirectory(prefix="vshop-conformance-", ignore_cleanup_errors=True) as folder:
        signals = Path(folder) / "signals"
        options = Options(free_ports=True, home=str(Path(folder) / "shop"), env={"SHOP_EXPORT_DIR": str(signals)})
        with Shop.start(options) as shop:
            where = addresses.find(shop.state.home, {})
            client, pace = ShopClient(where), Pace()
            follow(client, TraceFinder(where.traces), 30.0)
            for incident in load_catalogue().values():
                if incident.switch is None:
                    send(incident.trigger, client, pace)
                elif "request" in incident.switch.scope:
                    send(incident.trigger, client, pace, incident.id)
            follow(client, TraceFinder(where.traces), 30.0)  # its trace is whole: what came before it on the topic is done
            settle(client, pace, pace.now())
        return from_files(signals)
