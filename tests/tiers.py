"""The tiers of the suite: ``python -m tests.tiers test`` is what ``make test`` runs.

CONTRIBUTING.md describes the markers; pyproject.toml declares them.
"""

import os
import subprocess
import sys

FOLDER_MARKERS = {
    "unit": "unit",
    "contract": "contract",
    "docker": "engine",
    "browser": "browser",
    "k8s": "cluster",
    "fuzz": "fuzz",
    "wheel": "wheel",
    "foreign": "foreign",
}
"""The marker of every test in a folder of tests/."""

WORKERS = ("-n", os.environ.get("VSHOP_TEST_WORKERS", "2"))
_MORE = "engine or browser or cluster or fuzz or torture or wheel or foreign or slow"
_TIMING = ("-n", "0", "-m", "timing")  # alone: parallel tests would change the measured times
TIERS = {
    "quick": [(*WORKERS, "-m", "(unit or contract) and not timing")],
    "test": [(*WORKERS, "-m", f"not ({_MORE} or timing)")],
    "rest": [(*WORKERS, "-m", f"({_MORE}) and not timing"), _TIMING],
    "all": [(*WORKERS, "-m", "not timing"), _TIMING],
}
"""``all`` is ``test`` and ``rest`` in one run."""
PASSED, NO_TESTS = 0, 5


def main(tier: str, *options: str) -> int:
    """Run a tier; return the exit status of the first failed run.

    A run without a selected test fails only if no run of the tier selects one.
    """
    command = [sys.executable, "-m", "pytest"]
    statuses = [subprocess.run([*command, *arguments, *options], check=False).returncode for arguments in TIERS[tier]]
    failed = [status for status in statuses if status not in {PASSED, NO_TESTS}]
    return failed[0] if failed else min(statuses)


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
