"""A campaign that recurs, and a message to the operator's own number."""

import datetime
import signal
import zoneinfo

from campaign_run import Run
from kabarstack import morning_file
from stage import People, StageTest, eventually, until

ZONE = zoneinfo.ZoneInfo("Asia/Jakarta")
OPERATOR = "+6281299990001"


class Schedules(StageTest):
    def coming_minute(self):
        """The next whole minute that is far enough away to schedule something for it."""
        now = datetime.datetime.now(ZONE)
        return (now + datetime.timedelta(seconds=85)).replace(second=0, microsecond=0)

    def runs(self, schedule):
        pb = self.a.pb.campaigns
        found = self.a.campaigns.ListRuns(pb.ListRunsRequest(id=schedule.id)).campaigns
        return [Run(self.stage, self.a, one.id, schedule.phones) for one in found]

    def test_each_occurrence_is_a_run_of_its_own_though_campaigns_is_killed_at_its_start(self):
        people, late = People(40), People(3)
        self.stage.load(self.a, people)
        at, pb = self.coming_minute(), self.a.pb.campaigns
        schedule = self.stage.campaign(
            self.a, f"({people.filter}) OR ({late.filter})", start=f"{at:%H:%M} Asia/Jakarta",
            weekdays=list(range(pb.MONDAY, pb.SUNDAY + 1)))
        schedule.phones = people.phones + late.phones
        schedule.schedule()
        self.assertEqual(schedule.get().start_time.ToDatetime(datetime.timezone.utc), at)
        self.stage.load(self.a, late)  # the audience is the one of the moment
        self.assertEqual((self.runs(schedule), schedule.sent()), ([], 0))

        until(at.timestamp())
        part = self.stage.stack.parts["campaigns"]
        restarts = part.restarts
        part.signal(signal.SIGKILL)
        eventually("campaigns starts again", lambda: part.restarts > restarts and part.running)
        self.stage.stack.wait_serving(30)
        eventually("the run is there", lambda: len(self.runs(schedule)) == 1, 60)
        run = self.runs(schedule)[0]
        run.wait_ended(60)
        self.assert_once_each(run)
        self.assert_adds_up(run)
        self.assertGreaterEqual(min(self.stage.starts(run.phones)), at.timestamp())
        self.assertEqual(run.get().parent_id, schedule.id)
        self.assertEqual(schedule.state, "SCHEDULED")
        self.assertEqual(schedule.get().start_time.ToDatetime(datetime.timezone.utc),
                         at + datetime.timedelta(days=1))

    def test_a_test_message_goes_to_the_operator_alone_and_into_no_figures(self):
        people, pb = People(2), self.a.pb.campaigns
        self.stage.load(self.a, people)
        run = self.stage.campaign(self.a, people)
        self.a.campaigns.SetTestNumbers(pb.SetTestNumbersRequest(phones=[OPERATOR]))
        request = pb.TestSendCampaignRequest(id=run.id, phone=OPERATOR, request_id="once",
                                             contact_phone=people.phones[1])
        answers = [self.a.campaigns.TestSendCampaign(request) for _ in range(2)]
        self.assertEqual(answers[0], answers[1])
        eventually("it is accepted", lambda: self.stage.record([OPERATOR]))
        self.stage.settle()
        got = self.stage.record([OPERATOR])
        self.assertEqual([line["body"] for line in got], [morning_file.expected_text(people.rows[1])])
        self.assertEqual(answers[0].text, got[0]["body"])
        self.assertEqual((run.state, run.sent()), ("DRAFT", 0))
        run.start().wait_ended()
        self.assert_once_each(run)
        self.assert_adds_up(run)
