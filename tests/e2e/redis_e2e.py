"""Redis emptied, and Redis started again without its data, in the middle of a run: nobody twice,
nobody lost, no limit exceeded."""

import os
import shutil

from stage import SHORT_WINDOWS, People, StageTest, eventually, max_in_window


class RedisLost(StageTest):
    stage_options = {"workers": 2, "options": SHORT_WINDOWS}

    def test_emptied_then_started_without_its_data(self):
        people = People(700)
        run = self.stage.send(self.a, people, rate="50/s")
        run.wait_sent(100)
        redis = self.stage.stack.redis
        redis.command("FLUSHALL")
        sent = run.sent()
        eventually("sending goes on after FLUSHALL", lambda: run.sent() >= sent + 100)

        self.assertLess(run.sent(), 600, "the run was nearly over before Redis was lost")
        self.assertTrue(redis.process.stop(), "Redis did not end by itself")
        for entry in os.scandir(redis.data):
            shutil.rmtree(entry.path) if entry.is_dir() else os.remove(entry.path)
        redis.start()
        sent = run.sent()
        eventually("sending goes on without Redis's data", lambda: run.sent() >= sent + 50)

        run.wait_ended()
        self.assert_once_each(run)
        self.assertEqual(self.assert_adds_up(run)["reached"]["sent"], 700)
        starts = self.stage.starts(run.phones)
        self.assertLessEqual(max_in_window(starts, 1), 50)
        self.assertEqual(self.stage.refused(run.phones), [], "the provider saw a limit exceeded")

    def test_without_redis_messages_are_accepted_and_nothing_is_sent(self):
        people = People(50)
        self.stage.load(self.a, people)
        run = self.stage.campaign(self.a, people)
        redis = self.stage.stack.redis
        self.assertTrue(redis.process.stop(), "Redis did not end by itself")
        self.addCleanup(redis.start)
        run.start()
        eventually("the run is in the ledger", lambda: run.get().expanded == 50)
        self.assertEqual(self.stage.starts(run.phones), [])
        redis.start()
        run.wait_ended()
        self.assert_once_each(run)
