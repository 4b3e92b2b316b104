"""The protocol of tests/interop/README.md for ends in Python: commands in, results and events out.

An end finds it with `sys.path.append(os.path.join(os.path.dirname(__file__), "..", "lines"))`.
"""

import json
import os
import sys
import threading

_out = threading.Lock()


def say(event, **fields):
    """Prints an event."""
    with _out:
        sys.stdout.write(json.dumps({**fields, "event": event}) + "\n")
        sys.stdout.flush()


def serve(commands):
    """Says that the end is ready, runs commands until standard input ends, and ends the process.

    `commands` has a function for each name. It gets the arguments as a dictionary, and returns the fields of the result,
    or None. It may block: each command runs on a thread of its own.
    """
    say("ready")
    for line in sys.stdin:
        threading.Thread(target=_run, args=(commands, json.loads(line)), daemon=True).start()
    sys.stdout.flush()
    os._exit(0)  # threads that wait for a peer would keep the process


def _run(commands, arguments):
    try:
        result = commands[arguments["command"]](arguments) or {}
        say("done", **{**result, "id": arguments["id"]})
    except Exception as error:  # whatever it is, the test shall see it
        say("failed", id=arguments["id"], error=f"{type(error).__name__}: {error}")
