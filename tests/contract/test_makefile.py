"""What is said to one make stays with it."""

import os
import subprocess

PROBE = "probe:\n\t@$(MAKE) --no-print-directory -n -o $(VENV)/.run up\n"


def test_arguments_of_a_target_do_not_reach_the_makes_that_its_commands_run(root):
    """``make test ARGS=-x`` runs every command of the pages, ``make up`` among them."""
    clean = {name: value for name, value in os.environ.items() if name not in {"ARGS", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"}}

    ran = subprocess.run(
        ["make", "-f", "Makefile", "-f", "-", "probe", "ARGS=--of-the-first"],
        input=PROBE,
        cwd=root,
        env=clean,
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )

    assert "vshop up" in ran.stdout
    assert "--of-the-first" not in ran.stdout
