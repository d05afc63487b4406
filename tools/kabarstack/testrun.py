"""tools/test: every test of the suite, in one go.

Kinds: unit, pg, redis (the programs that CMake registered, by label), lint (tools/lint), e2e
(tests/e2e, on the real programs). The last line sums up test cases: N passed, N failed.
"""

import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build", "dev")
KINDS = ["unit", "pg", "redis", "lint", "e2e"]
LIMIT = 600  # seconds for one program


def programs(kinds):
    """(name, command) of the registered test programs with one of these labels."""
    shown = subprocess.run(["ctest", "--test-dir", BUILD, "--show-only=json-v1"], check=True,
                           capture_output=True, text=True)
    for test in json.loads(shown.stdout)["tests"]:
        labels = next((p["value"] for p in test["properties"] if p["name"] == "LABELS"), [])
        if set(labels) & set(kinds) and "command" in test:
            yield test["name"], test["command"]


def run_program(name, command):
    """(name, passed, failed, seconds, output) of one Catch2 program."""
    start = time.monotonic()
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace",
                              timeout=LIMIT, check=False)
        output, code = done.stdout + done.stderr, done.returncode
    except subprocess.TimeoutExpired as e:
        output, code = f"{e.stdout or ''}\n{name}: still running after {LIMIT} s", 1
    seconds = time.monotonic() - start
    passed = failed = 0
    if m := re.search(r"All tests passed \(.* in (\d+) test cases?\)", output):
        passed = int(m.group(1))
    elif m := re.search(r"test cases: +(\d+) \|(?: +(\d+) passed)?", output):
        passed = int(m.group(2) or 0)
        failed = int(m.group(1)) - passed
    if code != 0 and failed == 0:  # it crashed, or ran nothing
        failed = 1
    if code == 0 and passed == 0:
        failed, output = 1, output + f"\n{name}: ran no test"
    return name, passed, failed, seconds, output


def run_programs(kinds):
    passed = failed = 0
    # Two at a time: so many cores does the smallest machine have that we build for.
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for done in pool.map(lambda t: run_program(*t), list(programs(kinds))):
            name, ok, bad, seconds, output = done
            passed, failed = passed + ok, failed + bad
            print(f"{'FAILED' if bad else 'ok    '} {name}: {ok} passed, {bad} failed, {seconds:.1f} s",
                  flush=True)
            if bad:
                print(output, flush=True)
    return passed, failed


def run_lint():
    done = subprocess.run([sys.executable, os.path.join(ROOT, "tools", "lint")], check=False,
                          capture_output=True, text=True)
    print(done.stdout, end="", flush=True)
    m = re.search(r"^(\d+) passed, (\d+) failed$", done.stdout, re.M)
    if not m:
        print(done.stderr)
        return 0, 1
    return int(m.group(1)), int(m.group(2))


def run_e2e(pattern):
    folder = os.path.join(ROOT, "tests", "e2e")
    os.environ.setdefault("KABAR_BIN", os.path.join(BUILD, "bin"))
    sys.path.insert(0, folder)
    loader = unittest.TestLoader()
    if pattern:
        loader.testNamePatterns = [f"*{pattern}*"]
    suite = loader.discover(folder, pattern="*_e2e.py", top_level_dir=folder)
    result = unittest.TextTestRunner(verbosity=2, stream=sys.stdout).run(suite)
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    return result.testsRun - failed, failed


def main():
    parser = argparse.ArgumentParser(prog="tools/test", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=KINDS, help="just this kind (repeatable)")
    parser.add_argument("--match", help="just the end-to-end tests with this in their name")
    parser.add_argument("--no-build", action="store_true", help="with what is built already")
    args = parser.parse_args()
    kinds = args.only or KINDS
    passed = failed = 0
    for step, wanted in ((lambda: run_programs(kinds), {"unit", "pg", "redis"}),
                         (run_lint, {"lint"}), (lambda: run_e2e(args.match), {"e2e"})):
        if wanted & set(kinds):
            ok, bad = step()
            passed, failed = passed + ok, failed + bad
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
