"""Makes a corpus: starts a shop of its own, records every incident, and writes one folder for each.

What is written was replayed into a fresh observatory and verified there: that is also where Jaeger's JSON comes from.
"""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from vshop import addresses
from vshop.client import ShopClient
from vshop.corpus.canonical import canonical
from vshop.corpus.case_files import CaseFiles, case_files
from vshop.corpus.recording import Recorder
from vshop.corpus.replaying import Replay
from vshop.corpus.writing import Writer
from vshop.incidents import Incident, load_catalogue
from vshop.runtime.options import Options
from vshop.runtime.shop import Shop
from vshop.verify.finder import TraceFinder

Watch = Callable[[int, Incident], None]
"""Told, before an incident is recorded, its number and which it is."""


def export(
    incidents: Sequence[Incident], out: Path, seed: int | None = None, watch: Watch = lambda _number, _incident: None
) -> None:
    """Record incidents and write them.

    Args:
        incidents: which, in the order in which they are recorded.
        out: folder to write to; it may not hold anything yet.
        seed: makes ids, times and everything else that differs between two runs canonical; as observed when not given.
        watch: told of the progress.

    Raises:
        CorpusError: ``out`` is not empty, or an incident did not show what its file says.
        RuntimeProblem: the shop cannot be started.
    """
    writer = Writer(out, seed)
    with tempfile.TemporaryDirectory(prefix="vshop-export-", ignore_cleanup_errors=True) as folder:
        recorded = _record(incidents, Path(folder), seed, watch)
        with Replay(Path(folder) / "replay") as replay:
            for case in recorded:
                writer.write(replay.completed(case))
    writer.finish()


def _record(incidents: Sequence[Incident], folder: Path, seed: int | None, watch: Watch) -> list[CaseFiles]:
    signals = folder / "signals"
    options = Options(free_ports=True, home=str(folder / "shop"), env={"SHOP_EXPORT_DIR": str(signals)})
    found = []
    with Shop.start(options) as shop:
        where = addresses.find(shop.state.home, {})
        recorder = Recorder(ShopClient(where), TraceFinder(where.traces), signals)
        hours = {name: number for number, name in enumerate(load_catalogue())}
        for number, incident in enumerate(incidents):
            watch(number, incident)
            case = case_files(recorder.record(incident))
            found.append(case if seed is None else canonical(case, seed, hours[incident.id], shop.state.ports))
    return found
