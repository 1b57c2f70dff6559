"""The command line in a process of its own."""

import os
import subprocess
import sys


def start(*arguments, env=None, **options):
    command = [sys.executable, "-m", "jaxsched", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"} | (env or {})
    return subprocess.Popen(command, env=environment, **pipes)


def run(*arguments, **options):
    process = start(*arguments, **options)
    out, err = process.communicate(timeout=240)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)
