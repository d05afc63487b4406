"""What was paused stays so when every process of the dispatcher is killed and Redis loses all it had."""

import os
import shutil
import signal

from stage import SHORT_WINDOWS, People, StageTest, eventually

PROCESSES = ("dispatcher", "worker-1", "worker-2")


class PausesLast(StageTest):
    stage_options = {"workers": 2, "options": SHORT_WINDOWS}

    def target(self, scope, target_id):
        pb = self.a.pb.dispatcher
        return pb.SendingTarget(scope=getattr(pb.SendingTarget, scope), id=target_id)

    def test_a_number_a_lane_and_a_campaign_stay_paused(self):
        pb = self.a.pb.dispatcher
        targets = []

        def pause(target):
            targets.append(target)
            self.a.dispatcher.PauseSending(pb.PauseSendingRequest(target=target, reason="test"))

        of_number = self.started(0)
        pause(self.target("SENDER", self.stage.sender(self.a)))
        of_lane = self.started(1)
        pause(self.target("LANE", of_lane.get().run_id))
        of_campaign = self.started(1)
        of_campaign.pause()
        runs = (of_number, of_lane, of_campaign)
        lanes = ", ".join(f"'{run.get().run_id}'" for run in runs)
        eventually("nothing of them is on its way", lambda: self.stage.query(
            f"SELECT count(*) FROM dispatcher.messages WHERE state = 2 AND lane_id IN ({lanes})") == "0")
        sent = [run.sent() for run in runs]
        self.assertLess(max(sent), 400, "a run was over before it was paused")

        self.lose_all_but_the_ledger()
        control = self.stage.send(self.a, People(50), number=1)
        eventually("the queue works again", lambda: control.state == "COMPLETED", 120)
        self.assertEqual([run.sent() for run in runs], sent, "something paused was sent")
        for target in targets:
            now = self.a.dispatcher.GetSending(pb.GetSendingRequest(target=target))
            self.assertEqual([p.reason for p in now.pauses], ["test"])
            self.a.dispatcher.ResumeSending(pb.ResumeSendingRequest(target=target))
        of_campaign.resume()
        for run in runs:
            run.wait_ended(180)
            self.assert_once_each(run)
            self.assert_adds_up(run)

    def started(self, number):
        run = self.stage.send(self.a, People(400), rate="40/s", number=number)
        run.wait_sent(10)
        return run

    def lose_all_but_the_ledger(self):
        parts, redis = self.stage.stack.parts, self.stage.stack.redis
        restarts = {name: parts[name].restarts for name in PROCESSES}
        for name in PROCESSES:
            self.assertIsNotNone(parts[name].signal(signal.SIGKILL), f"{name} did not run")
        self.assertTrue(redis.process.stop(), "Redis did not end by itself")
        for entry in os.scandir(redis.data):
            shutil.rmtree(entry.path) if entry.is_dir() else os.remove(entry.path)
        redis.start()
        eventually("all are back", lambda: all(parts[n].restarts > restarts[n] for n in PROCESSES))
        self.stage.stack.wait_serving()
