"""kabarctl verify: says that everything adds up while campaigns run, and what does not when a row of
the database was changed behind the services' back."""

import json
import os
import subprocess

from kabarstack.settings import SERVICES
from stage import BIN, People, StageTest


class Verify(StageTest):
    @classmethod
    def prepare(cls):
        cls.env = {"PATH": os.environ["PATH"],
                   "KABAR_API_KEY": cls.stage.stack.settings["keys"]["toko-a-viewer"],
                   **{f"KABAR_{s.upper()}_ADDRESS": cls.stage.stack.address(s) for s in SERVICES}}

    def verify(self, *words, code=0):
        done = subprocess.run([os.path.join(BIN, "kabarctl"), "verify", *words], capture_output=True,
                              text=True, timeout=120, check=False, env=self.env)
        self.assertEqual(done.returncode, code, f"{done.stdout}\n{done.stderr}")
        return done.stdout

    def test_it_adds_up_at_every_moment_and_sees_what_was_changed(self):
        failing = [{"do": "error", "code": 131026, "probability": 0.1},
                   {"do": "close_after_accept", "probability": 0.05}]
        self.stage.play(faults=failing)
        self.addCleanup(self.stage.play)
        moving, cancelled = People(240), People(100)
        run = self.stage.send(self.a, moving, rate="1800/min")
        other = self.stage.send(self.a, cancelled, rate="600/min")
        numbers, looks = set(), 0
        while run.state == "RUNNING":
            both = json.loads(self.verify("--json"))["campaigns"]
            self.assertEqual({c["id"] for c in both}, {run.id, other.id})
            mine = json.loads(self.verify("--json", run.id))["campaigns"][0]
            numbers.add(mine["event_number"])
            looks += 1
            if looks == 6:
                self.assertEqual(self.a.campaigns.PauseCampaign(
                    run.pb.PauseCampaignRequest(id=run.id)).state, run.pb.PAUSED)
                self.verify()
                run.resume()
                other.cancel()
                self.verify()
        self.assertGreater(len(numbers), 8, "it was looked at while it moved")
        run.wait_ended()
        self.assertIn("everything adds up", self.verify())

        changed = self.stage.query(
            "UPDATE dispatcher.messages SET state = 8 WHERE (id, day) IN (SELECT id, day FROM "
            f"dispatcher.messages WHERE lane_id = '{run.get().run_id}' AND state = 5 LIMIT 1) RETURNING id")
        self.assertTrue(changed)
        told = self.verify(code=1)
        self.assertIn(f"{run.id}: read: ", told)
        self.assertIn(f"{run.id}: cancelled: ", told)
        self.assertNotIn(f"{other.id}: ", told)
        self.assertEqual(self.verify(other.id).splitlines()[-1], "everything adds up")
