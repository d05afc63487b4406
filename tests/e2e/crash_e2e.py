"""kill -9 of every process in the middle of a run: nothing lost, nothing doubled, figures exact."""

import signal

from stage import SHORT_WINDOWS, People, StageTest, eventually

KILLED = ["worker-1", "dispatcher", "postgres", "redis", "campaigns", "contacts", "templates",
          "analytics", "gateway", "triggers", "worker-2"]


class Crash(StageTest):
    stage_options = {
        "workers": 2,
        "options": SHORT_WINDOWS,
        "scenario": {"customers": {"answer": 0.1, "delay_ms": [100, 3000]}},
    }

    def test_each_process_killed_in_the_middle_of_one_run(self):
        people = People(3000)
        run = self.stage.send(self.a, people, rate="3000/min")
        run.wait_sent(100)
        for name in KILLED:
            self.kill(name)
            sent = run.sent()
            eventually(f"sending goes on after {name} was killed", lambda: run.sent() >= sent + 50)
        self.assertEqual(run.state, "RUNNING", "the run was over before all had been killed")
        run.wait_ended(120)
        self.assert_once_each(run)
        figures = self.assert_adds_up(run)
        self.assertEqual(figures["reached"]["sent"], 3000, figures)
        self.assertEqual(figures["state"]["unknown"], 0, figures)
        answers = self.stage.sim("summary")["answers"]
        self.assertEqual((figures["answers"]["yes"], figures["answers"]["no"]),
                         (answers["yes"], answers["no"]), "customers' answers were lost or doubled")

    def kill(self, name):
        part = self.stage.stack.parts[name]
        restarts = part.restarts
        self.assertIsNotNone(part.signal(signal.SIGKILL), f"{name} did not run")
        eventually(f"{name} starts again", lambda: part.restarts > restarts and part.running)
        if name == "postgres":
            self.stage.stack.postgres.wait_ready()
        elif name == "redis":
            self.stage.stack.redis.wait_ready()
        self.stage.stack.wait_serving(30)
