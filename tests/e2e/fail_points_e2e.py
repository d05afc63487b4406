"""A kill between every two steps that one may separate: libs/base/fail_point.h lists them all.

Needs a build with fail points (the dev preset, which tools/test builds).
"""

import os
import re
import signal
import unittest

from stage import ROOT, SHORT_WINDOWS, People, StageTest, eventually

HEADER = os.path.join(ROOT, "libs", "base", "fail_point.h")


def fail_points():
    """(name, process) as the header lists them."""
    with open(HEADER, encoding="utf-8") as f:
        return re.findall(r'^    \{"([a-z-]+)", "([a-z0-9-]+)"\},$', f.read(), re.M)


class FailPoints(StageTest):
    stage_options = {
        "options": SHORT_WINDOWS,
        "scenario": {"customers": {"answer": 0.1, "delay_ms": [100, 1000]}},
    }

    def die_at(self, name, part, on_the_way=None):
        """One run, in the middle of which `part` kills itself at the fail point."""
        marker = self.stage.stack.path(f"{name}.hit")
        process = self.stage.stack.parts[part]
        people = People(200)
        self.stage.load(self.a, people)
        # In the middle of the run; Redis is lost only once.
        hits = 1 if on_the_way else 3
        process.env = {"KABAR_FAIL_POINT": f"{name}@{marker}#{hits}"}
        try:
            self.restart(process, signal.SIGTERM)
            armed = process.restarts
            run = self.stage.campaign(self.a, people, rate="6000/min", batch_size=20).start()
            if on_the_way:
                run.wait_sent(30)
                on_the_way()
            eventually(f"{part} comes to {name}", lambda: os.path.exists(marker))
            eventually(f"{part} starts again", lambda: process.restarts > armed and process.running)
            self.stage.stack.wait_serving(30)
            run.wait_ended(90)
        finally:
            process.env = None
        self.assert_once_each(run)
        figures = self.assert_adds_up(run)
        self.assertEqual(figures["reached"]["sent"], 200, figures)
        self.assertEqual(figures["state"]["unknown"], 0, figures)

    def restart(self, process, how):
        restarts = process.restarts
        process.signal(how)
        eventually(f"{process.name} starts again",
                   lambda: process.restarts > restarts and process.running)
        self.stage.stack.wait_serving(30)

    def lose_redis(self):
        self.stage.stack.redis.command("FLUSHALL")


def _test(name, part):
    def test(self):
        lost = self.lose_redis if name == "limits-rebuilt" else None
        self.die_at(name, part, lost)
    return test


for _name, _part in fail_points():
    setattr(FailPoints, f"test_{_name.replace('-', '_')}", _test(_name, _part))


class List(unittest.TestCase):
    def test_the_header_is_read(self):
        self.assertGreaterEqual(len(fail_points()), 8)
