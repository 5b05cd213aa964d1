"""Runs command lines of python-openstackclient and python-novaclient, each in a fork of one process that has loaded them:
starting a client costs seconds, and what one command leaves in a client's modules must not be there for the next.

Reads one JSON object a line from standard input, {"command": "openstack server list"}, and answers each with one,
{"code": 0, "out": "...", "err": "..."}. What stands in braces in a command is a command too, and is replaced by the
first line that it prints.
"""

import importlib
import json
import os
import pkgutil
import re
import shlex
import sys
import tempfile
import traceback

# Where the clients' commands are; loaded once, before the forks.
PACKAGES = (
    "novaclient",
    "openstackclient.common",
    "openstackclient.compute",
    "openstackclient.identity",
    "openstackclient.image",
    "openstackclient.network",
    "osc_placement",
)


def load():
    for name in PACKAGES:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if ".tests" not in module.name:
                importlib.import_module(module.name)


def openstack(arguments):
    import openstackclient.shell

    return openstackclient.shell.main(arguments)


def nova(arguments):
    import novaclient.shell

    return novaclient.shell.main(arguments)


PROGRAMS = {"openstack": openstack, "nova": nova}


def child(program, arguments):
    """Runs a command as the process that it forked for, and ends with its status."""
    code = 1
    try:
        code = PROGRAMS[program](arguments) or 0
    except SystemExit as end:
        code = end.code or 0
        if isinstance(code, str):
            print(code, file=sys.stderr)
            code = 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def run(line):
    """Returns the exit status and what went to standard output and standard error."""
    filled = re.sub(r"\{((?:openstack|nova) [^}]*)\}", lambda match: first_line(match.group(1)), line)
    program, *arguments = shlex.split(filled)
    with tempfile.TemporaryFile("w+", encoding="utf-8") as out, tempfile.TemporaryFile("w+", encoding="utf-8") as err:
        pid = os.fork()
        if pid == 0:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            child(program, arguments)
        _, status = os.waitpid(pid, 0)
        out.seek(0)
        err.seek(0)
        return os.waitstatus_to_exitcode(status), out.read(), err.read()


def first_line(command):
    code, out, err = run(command)
    lines = out.splitlines()
    if code != 0 or not lines:
        raise RuntimeError(f"{command} ended with {code} and printed no line: {err}")
    return lines[0].strip()


def main():
    # Clients read standard input when it is not a terminal; ours is for commands only.
    commands = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    load()
    for line in commands:
        try:
            code, out, err = run(json.loads(line)["command"])
        except Exception as failure:
            code, out, err = 1, "", str(failure)
        print(json.dumps({"code": code, "out": out, "err": err}), file=answers, flush=True)


if __name__ == "__main__":
    main()
