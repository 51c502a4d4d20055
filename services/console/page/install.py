"""Adds the page to the console."""

from collections.abc import Iterable, Mapping

from flask import Flask

from console.board import Board
from console.page import (
    assets,
    exercise_api,
    incidents_api,
    old_way_api,
    shop_api,
    telemetry_api,
    traces_api,
)
from console.page.crowd import Crowd
from console.page.exercise import Exercise
from console.page.host_metrics import HostMetrics
from console.page.own_host import guard_reading
from console.page.shopper import Till
from console.page.trace_search import Traces
from console.page.upstream import Upstream
from vshop.incidents.incident import Incident
from vshop.kit.settings import Settings


def install(  # noqa: D417 - the rest is as in create_app
    app: Flask, settings: Settings, board: Board, catalogue: Mapping[str, Incident], host: HostMetrics, names: Iterable[str] = ()
) -> None:
    """Put the page and its requests on the console.

    Args:
        settings: hold the addresses of the shop's parts.
        catalogue: the incidents by id.
        host: the host's metrics.
        names: host names under which the console is also reached.
    """
    upstream = Upstream(settings)
    till = Till(upstream, settings)
    exercise = Exercise(board, catalogue)
    crowd = Crowd(till, exercise.incident)
    per_order = {one.id for one in catalogue.values() if one.switch and "request" in one.switch.scope}
    assets.protect(app)
    guard_reading(app, names)
    incidents_api.hide_the_board(app, exercise)
    for blueprint in (
        assets.blueprint(),
        shop_api.blueprint(upstream, till, settings, per_order, crowd.order),
        traces_api.blueprint(Traces(upstream, settings.kafka_topic)),
        telemetry_api.blueprint(upstream),
        incidents_api.blueprint(catalogue, board, exercise),
        exercise_api.blueprint(exercise),
        old_way_api.blueprint(upstream, host),
    ):
        app.register_blueprint(blueprint)
