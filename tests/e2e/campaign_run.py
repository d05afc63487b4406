"""A campaign under test: its verbs, its waits, and what the services and the provider say of it."""

import json
import time

import grpc

from kabarstack import report
from kabarstack.client import describe
from moments import eventually


class Run:
    """A campaign under test."""

    def __init__(self, stage, client, campaign_id, phones):
        self.stage, self.client, self.id, self.phones = stage, client, campaign_id, phones
        self.pb = client.pb.campaigns

    def start(self):
        self.client.campaigns.StartCampaign(self.pb.StartCampaignRequest(id=self.id))
        return self

    def schedule(self):
        self.client.campaigns.ScheduleCampaign(self.pb.ScheduleCampaignRequest(id=self.id))
        return self

    def get(self):
        return self.client.campaigns.GetCampaign(self.pb.GetCampaignRequest(id=self.id))

    @property
    def state(self):
        return self.pb.CampaignState.Name(self.get().state)

    def _told(self, verb, **more):
        request = getattr(self.pb, f"{verb}Request")(id=self.id, **more)
        answer = getattr(self.client.campaigns, verb)(request)
        return answer, time.time()

    def pause(self):
        """The moment (time.time()) after which its promise counts."""
        return self._told("PauseCampaign")[1]

    def resume(self, **more):
        return self._told("ResumeCampaign", **more)[1]

    def cancel(self):
        return self._told("CancelCampaign")[1]

    def retry_failed(self):
        return self._told("RetryFailed")[0].retried

    def stats(self):
        pb = self.client.pb.analytics
        try:
            return self.client.analytics.GetCampaignStats(
                pb.GetCampaignStatsRequest(run_id=self.get().run_id))
        except grpc.RpcError as e:
            if e.code() != grpc.StatusCode.NOT_FOUND:
                raise
            return pb.CampaignStats()  # analytics has not heard of the run yet

    def record(self):
        return self.stage.record(self.phones)

    def sent(self):
        """How many the simulator has accepted so far."""
        return len(self.record())

    def wait_sent(self, count, seconds=60):
        eventually(f"{count} messages accepted", lambda: self.sent() >= count, seconds)

    def wait_ended(self, seconds=60, state="COMPLETED"):
        """Until the campaign has ended in this state and nothing of it moves any more."""
        eventually(f"campaign {state}", lambda: self.state not in ("DRAFT", "SCHEDULED", "RUNNING", "PAUSED"),
                   seconds, every=0.2)
        now = self.get()
        name = self.pb.CampaignState.Name(now.state)
        assert name == state, f"campaign {name} ({now.state_reason}), not {state}"
        self.stage.settle()
        return self

    def messages(self, **wanted):
        """Its messages in the dispatcher's ledger, all pages."""
        pb, found, token = self.client.pb.dispatcher, [], ""
        lane = self.get().run_id
        while True:
            page = self.client.dispatcher.ListMessages(pb.ListMessagesRequest(
                lane_id=lane, page_size=500, page_token=token, **wanted))
            found += page.messages
            token = page.next_page_token
            if not token:
                return found

    def figures(self):
        """In the form of tools/demo --json; `provider` from the record of this run's people."""
        record = self.record()
        simulator = {"accepted": len(record),
                     "distinct_messages": len({_message_of(line) for line in record}),
                     "distinct_recipients": len({line["to"] for line in record})}
        nothing = self.client.pb.contacts.ImportContactsResponse()
        return report.figures(nothing, self.stats(), simulator, {})

    def describe(self):
        try:
            now = self.get()
            text = f"{self.pb.CampaignState.Name(now.state)} {now.state_reason} run {now.run_id}, " \
                   f"asked {now.asked}, expanded {now.expanded}; "
            return text + (json.dumps(self.figures()) if now.run_id else "")
        except grpc.RpcError as e:
            return describe(e)
        except OSError as e:
            return str(e)


def _message_of(line):
    return line["callback"].rsplit(".", 1)[0]
