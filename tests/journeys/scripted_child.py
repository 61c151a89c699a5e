"""A child that walks nothing: what it does is the `name` of the journey it is given."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time


def say(**what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def passed() -> None:
    say(step={"index": 0, "type": "goto", "status": "success"})
    say(outcome={"status": "success", "duration_ms": 5, "response": {"child": os.getpid()}})


for line in sys.stdin:
    wish = json.loads(line)["definition"]["name"]
    if wish == "pass":
        passed()
    elif wish == "hang":
        # As a browser does: a process in a group of its own, that has another, and neither minds a closed pipe.
        script = "import subprocess,sys,time;subprocess.Popen(['sleep','600']);time.sleep(600)"
        subprocess.Popen([sys.executable, "-c", script], start_new_session=True)
        time.sleep(600)
    elif wish == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    elif wish == "leave":
        ended = subprocess.Popen(["true"], start_new_session=True)
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        os.kill(os.getpid(), signal.SIGKILL)
    elif wish == "babble":
        sys.stdout.write("no JSON\n")
        sys.stdout.flush()
        time.sleep(600)
    elif wish == "crash":
        say(outcome={"status": "unknown", "error": {"code": "browser_crashed", "message": "it went"}})
