"""Verifies on a running shop that incidents do what their files say."""

from vshop.incidents.verify.run import OnPhase, Phase, verify
from vshop.incidents.verify.verdict import Check, Culprit, Verdict

__all__ = ["Check", "Culprit", "OnPhase", "Phase", "Verdict", "verify"]
