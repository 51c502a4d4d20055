"""``/incidents``, ``/verify`` and ``/score``, as openapi.yaml describes them. They do not say which incidents are on."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar, cast

import msgspec
from flask import Blueprint, Response, jsonify, request, url_for

from console.board.journal import Journal
from vshop.incidents.incident import Incident, Scope
from vshop.incidents.loader import UnknownIncidentError
from vshop.incidents.scoring import runs as runs_of
from vshop.incidents.scoring import score, truths
from vshop.incidents.verify import Check, Phase, Verdict
from vshop.incidents.verify.batch import BatchVerifier
from vshop.kit.http import json_body
from vshop.kit.http.problems import Problem
from vshop.shop.addresses import Addresses
from vshop.shop.client import ShopClient, ShopError
from vshop.shop.traces import TraceReader

log = logging.getLogger(__name__)

MAX_SCORE_BYTES = 1024 * 1024
_SECONDS_EACH = 90
_STOP_WITHIN_S = 5.0
"""``vshop down`` kills the console after 10 s."""
_Kind = TypeVar("_Kind")


class VerifyRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The incidents (all if empty) and how to switch them on."""

    ids: list[str] = []
    scope: Scope = "global"


Candidate = dict[Annotated[str, msgspec.Meta(pattern="^(service|component|errorType|spanId)$")], str | None]
"""One possible root cause."""


class CulpritSpan(msgspec.Struct, rename="camel"):
    """Of the root cause in one trace."""

    span_id: str


class VerifiedIncident(msgspec.Struct, rename="camel"):
    """What scoring needs of a verdict."""

    incident: str
    culprits: list[CulpritSpan]
    on_at: float | None = None
    off_at: float | None = None


class ScoreRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Candidates by incident or run id, most likely first."""

    answers: dict[str, list[Candidate]]
    verdicts: list[VerifiedIncident] | None = None


class VerifyRun(msgspec.Struct):
    """A run, with a result once it is done."""

    run: int
    ids: Sequence[str]
    scope: Scope
    state: Literal["running", "done", "failed"] = "running"
    verified: bool | None = None
    verdicts: list[dict[str, Any]] = []
    error: str | None = None


class _StoppedError(Exception):
    """The run was stopped before its end."""


class VerifyRuns:
    """Verifies incidents in a thread, one run at a time (docs/adr/0008)."""

    KEPT = 20

    def __init__(
        self, catalogue: Mapping[str, Incident], addresses: Addresses, verifier: Callable[..., BatchVerifier] = BatchVerifier
    ) -> None:
        self._catalogue = catalogue
        self._verifier = verifier
        self._shop = ShopClient(addresses)
        self._traces = TraceReader(addresses.traces)
        self._lock = threading.Lock()
        self._runs: dict[int, VerifyRun] = {}
        self._count = 0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._incident: str | None = None

    def start(self, ids: Sequence[str], scope: Scope) -> VerifyRun:
        """Start a run. Raises Problem if one is in progress."""
        with self._lock:
            running = next((one.run for one in self._runs.values() if one.state == "running"), None)
            if running is not None:
                detail = f"Run {running} is in progress; only one runs at a time. GET /verify/{running} returns its state."
                raise Problem(409, detail, run=running)
            self._count += 1
            run = self._runs[self._count] = VerifyRun(self._count, ids, scope)
            while len(self._runs) > self.KEPT:
                del self._runs[next(iter(self._runs))]
            self._thread = threading.Thread(target=self._verify, args=(run,), name=f"verify-{run.run}", daemon=True)
            self._thread.start()
        return run

    def get(self, number: int) -> VerifyRun | None:
        """Return a run, or None if it is not kept."""
        with self._lock:
            return self._runs.get(number)

    def verdicts(self) -> list[dict[str, Any]]:
        """Return the verdicts of all runs, oldest first."""
        with self._lock:
            return [verdict for run in self._runs.values() for verdict in run.verdicts]

    def close(self) -> None:
        """Stop the run, and switch its incident off."""
        self._stop.set()
        if self._thread is None:
            return
        self._thread.join(_STOP_WITHIN_S)
        if self._thread.is_alive() and self._incident is not None:
            # A slow request may keep the thread from switching off.
            with contextlib.suppress(ShopError):
                self._shop.switch_off(self._incident)

    def _verify(self, run: VerifyRun) -> None:
        deadline = time.monotonic() + _SECONDS_EACH * max(1, len(run.ids))

        def check() -> None:
            if self._stop.is_set():
                raise _StoppedError("The console stopped before the run was done.")
            if time.monotonic() > deadline:
                raise _StoppedError(f"The run took longer than {_SECONDS_EACH} s for each incident and was stopped.")

        verifier = self._verifier(
            shop=cast("ShopClient", _Stoppable(self._shop, check)),
            traces=cast("TraceReader", _Stoppable(self._traces, check)),
            progress=self,
            scope=run.scope,
        )
        verdicts: list[dict[str, Any]] = []
        error = None
        try:
            verdicts = [msgspec.to_builtins(one) for one in verifier.in_sequence([self._catalogue[name] for name in run.ids])]
        except _StoppedError as stopped:
            error = str(stopped)
        except Exception as failure:  # noqa: BLE001 - the run reports it; a thread has no caller
            # Without the text, which may name an incident.
            log.warning("verification run %d failed with %s", run.run, type(failure).__name__)
            error = f"{type(failure).__name__}: {failure}"
        with self._lock:
            run.verdicts, run.error = verdicts, error
            run.verified = None if error else all(verdict["verified"] for verdict in verdicts)
            run.state = "failed" if error else "done"

    def begin(self, incident: str) -> None:
        """Note that an incident may be on."""
        self._incident = incident

    def phase(self, incident: str, phase: Phase, checks: list[Check]) -> None:
        """Ignore the phases."""

    def end(self, verdict: Verdict) -> None:
        """Note that the incident is off."""
        if verdict.incident == self._incident:
            self._incident = None


class _Stoppable:
    """Its methods raise once the run is stopped, except ``switch_off``, which ends a verification."""

    def __init__(self, client: object, check: Callable[[], None]) -> None:
        self._client = client
        self._check = check

    def __getattr__(self, name: str) -> Any:
        if name != "switch_off":
            self._check()
        return getattr(self._client, name)


def blueprint(catalogue: Mapping[str, Incident], journal: Journal, runs: VerifyRuns) -> Blueprint:
    """Make the endpoints."""
    api = Blueprint("api", __name__)

    @api.get("/incidents")
    def list_incidents() -> dict[str, Any]:
        return {"incidents": [_summary(incident) for incident in catalogue.values()]}

    @api.get("/incidents/<incident>")
    def show_incident(incident: str) -> Response:
        return jsonify(msgspec.to_builtins(_find(incident, catalogue)))

    @api.post("/verify")
    def begin() -> tuple[Response, int, dict[str, str]]:
        wanted = _body(VerifyRequest, "{ids: [id, …], scope}")
        for incident in wanted.ids:
            _find(incident, catalogue)
        run = runs.start(wanted.ids or list(catalogue), wanted.scope)
        return jsonify(msgspec.to_builtins(run)), 202, {"Location": url_for("api.show_run", number=run.run)}

    @api.get("/verify/<int:number>")
    def show_run(number: int) -> dict[str, Any]:
        run = runs.get(number)
        if run is None:
            raise Problem(404, f"There is no run {number}. POST /verify starts one; the latest {runs.KEPT} are kept.")
        return dict(msgspec.to_builtins(run))

    @api.post("/score")
    def score_answers() -> Response:
        return _score(catalogue, journal, runs)

    return api


def _find(incident_id: str, catalogue: Mapping[str, Incident]) -> Incident:
    found = catalogue.get(incident_id)
    if found is None:
        error = UnknownIncidentError(incident_id[:100], catalogue)
        raise Problem(404, f"{str(error).partition(' `vshop')[0]} GET /incidents lists them.", near=error.near)
    return found


def _summary(incident: Incident) -> dict[str, Any]:
    return {
        "id": incident.id,
        "title": incident.title,
        "fault": incident.fault,
        "pairOf": incident.pair_of,
        "scope": list(incident.switch.scope) if incident.switch else [],
        "level": incident.workshop.level,
    }


def _body(kind: type[_Kind], shape: str) -> _Kind:
    try:
        return json_body.decode(request.get_data() or b"{}", kind)
    except msgspec.DecodeError as error:
        raise Problem(400, f"The body must be {shape}: {json_body.explain(error)[0]}.") from error


def _score(catalogue: Mapping[str, Incident], journal: Journal, verified: VerifyRuns) -> Response:
    request.max_content_length = MAX_SCORE_BYTES
    wanted = _body(ScoreRequest, "{answers: {id: [candidate, …]}, verdicts}")
    verdicts = verified.verdicts() if wanted.verdicts is None else msgspec.to_builtins(wanted.verdicts)
    lines = msgspec.to_builtins(journal.lines())
    try:
        result = score(wanted.answers, truths(catalogue, runs_of(lines, catalogue, twins=True), verdicts))
    except UnknownIncidentError as error:
        raise Problem(404, f"There is no incident and no run {error.incident[:100]!r}.", near=error.near) from error
    return Response(msgspec.json.encode(result), mimetype="application/json")
