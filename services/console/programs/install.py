"""Adds what programs ask for to the console."""

from collections.abc import Mapping

from flask import Flask

from console.journal import Journal
from console.programs import catalogue_api, score_api, verify_api
from console.programs.verify_runs import VerifyRuns
from vshop.incidents.incident import Incident


def install(app: Flask, catalogue: Mapping[str, Incident], journal: Journal, runs: VerifyRuns) -> None:
    """Put the requests on the console.

    Args:
        app: the application.
        catalogue: the incidents by id.
        journal: tells which incidents were on when.
        runs: verifies incidents.
    """
    app.register_blueprint(catalogue_api.blueprint(catalogue))
    app.register_blueprint(score_api.blueprint(catalogue, journal, runs))
    app.register_blueprint(verify_api.blueprint(catalogue, runs))
