"""What a bench stands on: a folder of its own, and an end that says what went wrong."""

import os
import shutil
import signal
import sys

import grpc

from kabarstack import demo
from kabarstack.client import describe
from kabarstack.servers import StartError


def fresh_folder(name):
    """An empty folder for the bench's stack."""
    folder = os.path.join(demo.ROOT, ".kabar", name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder, mode=0o755)
    return folder


def exit_code(folder, work):
    """`work()`'s exit code; 1, with one sentence, if something did not start or was refused."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends the stack on its way out
    try:
        return work()
    except (StartError, OSError) as e:
        print(f"tools/bench: {e}; the logs are in {folder}/logs", file=sys.stderr)
    except grpc.RpcError as e:
        print(f"tools/bench: {describe(e)}; the logs are in {folder}/logs", file=sys.stderr)
    except KeyboardInterrupt:
        print("\ntools/bench: stopped")
    return 1


def show_processes(f):
    """CPU and peak memory of each part of the stack, as the figures have them."""
    print(f"\n   {'process':<14}{'CPU us/message':>15}{'peak MB':>10}")
    for name, peak in f["peak_rss_mb"].items():
        print(f"   {name:<14}{f['cpu_us'].get(name, 0):>15.1f}{peak:>10.0f}")
    for line in f["inexact"]:
        print(f"   NOT EXACT: {line}")
