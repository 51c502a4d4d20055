"""Verifies incidents: is what a file says what happens, on a real shop, down to the span?"""

from vshop.verify.finder import TraceFinder
from vshop.verify.run import Phase, Watch, verify
from vshop.verify.verdict import Check, Culprit, Verdict

__all__ = ["Check", "Culprit", "Phase", "TraceFinder", "Verdict", "Watch", "verify"]
