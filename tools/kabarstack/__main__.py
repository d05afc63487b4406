"""tools/stack: the suite's own stack to work with.

  tools/stack up [--workers N]   build if needed, start everything, supervised in the background
  tools/stack down               end everything in order
  tools/stack status             each process: pid, restarts, memory
  tools/stack logs [SERVICE]     follow the log of one service, or of all
  tools/stack env                the addresses and keys, as shell variables for kabarctl
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time

from .servers import StartError
from .stack import Stack

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = os.environ.get("KABAR_HOME", os.path.join(ROOT, ".kabar"))
BIN = os.path.join(ROOT, "build", "release", "bin")
STATUS = os.path.join(FOLDER, "status.json")


def supervisor_pid():
    """The pid of the running supervisor, or None. A pid that another program has by now is not it."""
    try:
        with open(STATUS, encoding="utf-8") as f:
            pid = json.load(f)["pid"]
        with open(f"/proc/{pid}/cmdline", encoding="utf-8") as f:
            return pid if "kabarstack" in f.read() else None
    except (OSError, ValueError, KeyError):
        return None


def write_status(stack, state, error=""):
    parts = {n: {"pid": p.pid, "restarts": p.restarts, "peak_rss_mb": p.rss_peak_mb()}
             for n, p in stack.parts.items()}
    temporary = STATUS + ".new"
    with open(temporary, "w", encoding="utf-8") as f:
        json.dump({"pid": os.getpid(), "state": state, "error": error, "parts": parts}, f, indent=1)
    os.replace(temporary, STATUS)


def supervise(workers):
    """The background process: starts the stack, writes its status, ends it on SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stack = Stack(FOLDER, BIN, workers=workers)
    write_status(stack, "starting")
    try:
        stack.start()
    except StartError as e:
        stack.stop()
        write_status(stack, "failed", str(e))
        return 1
    while not stop.is_set():
        write_status(stack, "up")
        stop.wait(1)
    killed = stack.stop()
    write_status(stack, "down", f"had to be killed: {', '.join(killed)}" if killed else "")
    return 0


def read_status():
    with open(STATUS, encoding="utf-8") as f:
        return json.load(f)


def up(args):
    if supervisor_pid():
        print("The stack is up already (tools/stack status).")
        return 0
    os.makedirs(FOLDER, mode=0o755, exist_ok=True)
    if os.path.exists(STATUS):
        os.remove(STATUS)
    with open(os.path.join(FOLDER, "supervisor.log"), "ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "kabarstack", "supervise", "--workers", str(args.workers)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    while True:
        time.sleep(0.1)
        state = read_status() if os.path.exists(STATUS) else {"state": "starting"}
        if state["state"] == "up":
            print(f"The stack is up. Its folder: {os.path.relpath(FOLDER)}/")
            print("  tools/stack status | logs [SERVICE] | down")
            print('  eval "$(tools/stack env)" && build/release/bin/kabarctl campaigns list')
            return 0
        if state["state"] == "failed" or child.poll() is not None:
            print(f"tools/stack: {state.get('error') or 'the supervisor ended; see supervisor.log'}",
                  file=sys.stderr)
            return 1


def down(_args):
    pid = supervisor_pid()
    if not pid:
        print("The stack is not up.")
        return 0
    os.kill(pid, signal.SIGTERM)
    while supervisor_pid() == pid and os.path.exists(f"/proc/{pid}"):
        time.sleep(0.1)
    error = read_status().get("error", "")
    print(f"The stack is down{'; ' + error if error else ''}.")
    return 0


def status(_args):
    if not supervisor_pid():
        print("The stack is not up (tools/stack up).")
        return 1
    print(f"{'process':<14}{'pid':>8}{'restarts':>10}{'peak MB':>10}")
    for name, part in read_status()["parts"].items():
        print(f"{name:<14}{part['pid'] or '-':>8}{part['restarts']:>10}{part['peak_rss_mb']:>10}")
    return 0


def logs(args):
    folder = os.path.join(FOLDER, "logs")
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    files = [f"{args.service}.log"] if args.service else names
    if not files or any(f not in names for f in files):
        print(f"tools/stack: no such log; there are: {', '.join(n[:-4] for n in names)}", file=sys.stderr)
        return 1
    os.chdir(folder)
    os.execvp("tail", ["tail", "-n", "100", "-F", *files])


def env(_args):
    try:
        stack = Stack(FOLDER, BIN)
    except OSError as e:
        print(f"tools/stack: {e}", file=sys.stderr)
        return 1
    for service in ("contacts", "templates", "dispatcher", "campaigns", "triggers", "analytics"):
        print(f"export KABAR_{service.upper()}_ADDRESS={stack.address(service)}")
    print(f"export KABAR_API_KEY={stack.settings['keys']['toko-a-owner']}")
    print(f"export KABAR_CLOUDSIM_URL={stack.sim_url}")
    return 0


def main():
    parser = argparse.ArgumentParser(prog="tools/stack", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, run in (("up", up), ("down", down), ("status", status), ("logs", logs), ("env", env),
                      ("supervise", lambda a: supervise(a.workers))):
        command = commands.add_parser(name)
        command.set_defaults(run=run)
        if name in ("up", "supervise"):
            command.add_argument("--workers", type=int, default=1)
        if name == "logs":
            command.add_argument("service", nargs="?")
    args = parser.parse_args()
    sys.exit(args.run(args))


main()
