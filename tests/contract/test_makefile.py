import os
import re
import subprocess

import pytest

GROUPS = ["Run", "Look", "Incidents", "Test", "Maintain"]
PROBE = "probe:\n\t@$(MAKE) --no-print-directory -n -o $(VENV)/.run up\n"


def _run(root, *arguments, makefile=None):
    env = {name: value for name, value in os.environ.items() if name not in {"ARGS", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"}}
    command = ["make", *arguments]
    return subprocess.run(command, input=makefile, cwd=root, env=env, capture_output=True, text=True, timeout=20, check=False)


def _make(root, *arguments, makefile=None):
    ran = _run(root, *arguments, makefile=makefile)
    ran.check_returncode()
    return ran.stdout


def test_arguments_of_a_target_do_not_reach_nested_makes(root):
    """``make test`` runs the commands of the docs, such as ``make up``."""
    ran = _make(root, "-f", "Makefile", "-f", "-", "probe", "ARGS=--of-the-first", makefile=PROBE)

    assert "vshop up" in ran
    assert "--of-the-first" not in ran


def test_help_lists_every_target_in_its_group(root):
    targets = re.findall(r"^([a-z0-9-]+):", (root / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)

    printed = _make(root)

    assert re.findall(r"^(\w+):$", printed, re.MULTILINE) == GROUPS
    assert sorted(re.findall(r"^  make ([a-z0-9-]+) ", printed, re.MULTILINE)) == sorted({*targets} - {"help"})


def test_help_fits_in_100_columns(root):
    assert [line for line in _make(root).splitlines() if len(line) > 100] == []


@pytest.mark.parametrize("target", ["doctor", "up"])
def test_an_old_python_is_refused_in_one_sentence(root, tmp_path, target):
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\ntest "$1" = --version && echo Python 3.9.18\nexit 1\n')
    old.chmod(0o755)

    ran = _run(root, f"VENV={tmp_path / 'venv'}", f"PYTHON={old}", target)

    assert ran.returncode != 0
    assert ran.stdout == ""
    assert ran.stderr.splitlines()[0] == (
        f"The shop needs Python 3.11 or newer, and {old} is Python 3.9.18. Choose another: make PYTHON=python3.12 {target}"
    )
    assert not (tmp_path / "venv").exists()
