"""The stack on which a plan is played: accounts, senders, people, campaigns, automations."""

import os
import re
import subprocess
import time
import uuid

import grpc

import plan as plans
from proxy import Network
from kabarstack.settings import SERVICES
from kabarstack.stack import PROVIDER_TEMPLATES
from stage import SCENARIO, WEBHOOK, People, Stage

# What a call may answer while the world falls down; everything else is an answer.
PASSING = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "UNKNOWN", "ABORTED", "INTERNAL",
           "RESOURCE_EXHAUSTED")
EVENT_MESSAGE = ('{{provider "pesanan_baru" "id" nama documentnumber productname}}'
                 "Halo {{nama}}, pesanan {{documentnumber}} untuk {{productname}} kami terima. "
                 "Terima kasih!")
# One event type a sender of the outlet, so that a message can be asked for from each number.
EVENT_TYPES = {"rate": "ORDER_CREATED", "throughput": "ORDER_PAID", "pair": "ORDER_DELIVERY",
               "events": "ORDER_RECEIVED", "mass-1": "ORDER_CREATED", "mass-2": "ORDER_PAID"}


class Refused(Exception):
    """A call was answered, with no."""


def persist(call, deadline):
    """Again and again until `call` is answered or `deadline` (time.monotonic) has come."""
    pause = 0.1
    while True:
        try:
            return call()
        except grpc.RpcError as e:
            if e.code().name not in PASSING:
                raise Refused(f"{e.code().name}: {e.details()}") from e
            if time.monotonic() > deadline:
                raise
        time.sleep(pause)
        pause = min(2 * pause, 1)


class Scene:
    def __init__(self, plan, workers=2, options=None, defect=""):
        self.plan = plan
        self.defect = defect
        lease = [f"--lease={plans.LEASE_S}s", "--request-timeout=3s"]
        flags = {
            "dispatcher": [*lease, f"--unknown-window={plans.UNKNOWN_WINDOW_S}s",
                           # Who never registers keeps all events: the judge reads them.
                           "--event-consumers=analytics,campaigns,contacts,triggers,chaos"],
            "worker": lease,
        }
        for part, more in (options or {}).items():
            flags[part] = flags.get(part, []) + more
        self.stage = Stage("chaos", workers=workers, scenario=SCENARIO, options=flags,
                           # As in life, a customer may get several messages at once; that he gets
                           # them 6 s apart is for us to keep. Else no request could be accepted
                           # twice, and a double would not show.
                           sim_setup={"webhook": {**WEBHOOK, "connections": 64}, "wabas": _accounts(),
                                      "limits": {"pair_burst": 45}})
        self.stack = self.stage.stack
        for part in self.stack.parts.values():
            part.max_wait = 0.5  # what is killed is back soon
        self.network = Network()
        for name, part in self.stack.parts.items():
            if name not in ("postgres", "redis", "cloudsim"):
                part.argv = [self._through_link(name, flag) for flag in part.argv]
                part.env = {"KABAR_DEFECT": defect} if defect else None
        self.portfolios, self.senders, self.campaigns, self.automations = {}, {}, {}, {}
        self.audience = {}  # campaign's name -> People

    def start(self):
        self.stage.start()
        # The provider's webhooks go through a link, too.
        host, port = self.network.add("cloudsim>gateway", ("127.0.0.1", self.stack.settings["ports"]["gateway"]))
        self.stage.sim("setup", {"webhook": {**WEBHOOK, "url": f"http://{host}:{port}/webhooks/whatsapp"}})

    def _through_link(self, part, flag):
        """The flag with the address of a link where it names PostgreSQL, Redis or a service."""
        sockets = self.stack.sockets
        if flag == f"--database-url={self.stack.postgres.url}":
            folder = os.path.join(sockets, part)
            os.makedirs(folder, mode=0o755, exist_ok=True)
            self.network.add(f"{part}>postgres", os.path.join(sockets, ".s.PGSQL.5432"),
                             os.path.join(folder, ".s.PGSQL.5432"))
            return flag.replace(f"host={sockets} ", f"host={folder} ")
        if flag == f"--redis-url={self.stack.redis.url}":
            return "--redis-url=unix://" + self.network.add(
                f"{part}>redis", self.stack.redis.socket, os.path.join(sockets, f"{part}.redis"))
        peer = re.fullmatch(r"--([a-z]+)-address=([0-9.]+):(\d+)", flag)
        if peer:
            host, port = self.network.add(f"{part}>{peer[1]}", (peer[2], int(peer[3])))
            return f"--{peer[1]}-address={host}:{port}"
        return flag

    def client(self, outlet):
        return self.stage.a if outlet == "toko-a" else self.stage.b

    def prepare(self):
        """Everything but the start of the campaigns, in peace."""
        self.everything = self.stage.client_with(self.stack.settings["keys"]["service"])
        for name, sender in plans.SENDERS.items():
            client = self.client(sender.outlet)
            pb = client.pb.dispatcher
            if sender.portfolio not in self.portfolios:
                self.portfolios[sender.portfolio] = client.dispatcher.CreatePortfolio(
                    pb.CreatePortfolioRequest(portfolio=pb.Portfolio(
                        name=sender.portfolio,
                        messaging_limit=plans.PORTFOLIOS[sender.portfolio]))).id
            self.senders[name] = client.dispatcher.CreateSender(pb.CreateSenderRequest(
                sender=pb.Sender(
                    portfolio_id=self.portfolios[sender.portfolio], phone_number_id=number_id(name),
                    display_phone="+628111000000", throughput=sender.throughput,
                    pair_rate=sender.pair_rate,
                    access_token=self.stack.settings["access_tokens"][sender.outlet]))).id
        for name, event_type in EVENT_TYPES.items():
            self._automation(name, event_type)
        templates = {o: self.stage.template(self.client(o)) for o in ("toko-a", "toko-b")}
        for campaign in self.plan.campaigns:
            self._campaign(campaign, templates)
        self.event_people = People(len(self.plan.events) + 2000)  # not contacts yet

    def _automation(self, sender, event_type):
        client = self.client(plans.SENDERS[sender].outlet)
        pb = client.pb.triggers
        self.automations[sender] = client.triggers.CreateAutomation(pb.CreateAutomationRequest(
            automation=pb.Automation(
                name=f"otomatis {sender}", event_type=pb.EventType.Value(event_type),
                template_id=self.stage.template(client, EVENT_MESSAGE, strict=True),
                sender_id=self.senders[sender], enabled=True))).id

    def _campaign(self, campaign, templates):
        outlet = plans.SENDERS[campaign.sender].outlet
        client = self.client(outlet)
        people = self.audience.get(campaign.same_people_as)
        if people is None:
            people = People(campaign.people)
            self.stage.load(client, people)
        self.audience[campaign.name] = people
        contacts, pb = client.pb.contacts, client.pb.campaigns
        self.campaigns[campaign.name] = client.campaigns.CreateCampaign(pb.CreateCampaignRequest(
            campaign=pb.Campaign(
                name=campaign.name, template_id=templates[outlet],
                segment_id=self.stage.segment(client, people.filter), subject=contacts.SHIPMENT,
                purpose=contacts.DELIVERY_UPDATES, sender_id=self.senders[campaign.sender],
                rate=campaign.rate, batch_size=500 if campaign.people > 5000 else 100,
                unknown_policy=pb.HOLD if campaign.hold else pb.RESEND))).id

    # -- calls that a falling world may delay -----------------------------------------------------
    def verb(self, name, verb, deadline):
        """(answer, when first asked, when answered); the same request id until it is answered."""
        campaign = next(c for c in self.plan.campaigns if c.name == name)
        client = self.client(plans.SENDERS[campaign.sender].outlet)
        request = getattr(client.pb.campaigns, f"{verb}Request")(
            id=self.campaigns[name], request_id=str(uuid.uuid4()))
        asked = time.time()
        answer = persist(lambda: getattr(client.campaigns, verb)(request, timeout=5), deadline)
        return answer, asked, time.time()

    def sending(self, target, verb, deadline):
        """PauseSending or ResumeSending of a number, an outlet or all; as `verb`."""
        client, pb = self.everything, self.everything.pb.dispatcher
        if target == "all":
            of = pb.SendingTarget(scope=pb.SendingTarget.ALL)
        elif target in self.senders:
            client = self.client(plans.SENDERS[target].outlet)
            of = pb.SendingTarget(scope=pb.SendingTarget.SENDER, id=self.senders[target])
        else:
            client = self.client(target)
            of = pb.SendingTarget(scope=pb.SendingTarget.OUTLET)
        return self._operate(client, verb, getattr(pb, f"{verb}Request")(
            target=of, reason="chaos", request_id=str(uuid.uuid4())), deadline)

    def set_throughput(self, sender, throughput, deadline):
        client = self.client(plans.SENDERS[sender].outlet)
        pb = client.pb.dispatcher
        return self._operate(client, "UpdateSender", pb.UpdateSenderRequest(
            sender=pb.Sender(id=self.senders[sender], throughput=throughput),
            update_mask={"paths": ["throughput"]}, request_id=str(uuid.uuid4())), deadline)

    def set_limit(self, portfolio, limit, deadline):
        client = self.client(next(s.outlet for s in plans.SENDERS.values() if s.portfolio == portfolio))
        pb = client.pb.dispatcher
        return self._operate(client, "UpdatePortfolio", pb.UpdatePortfolioRequest(
            portfolio=pb.Portfolio(id=self.portfolios[portfolio], messaging_limit=limit),
            update_mask={"paths": ["messaging_limit"]}, request_id=str(uuid.uuid4())), deadline)

    def resolve(self, name, decision, deadline):
        """Of all messages of the campaign that are UNKNOWN (1,000 at most)."""
        campaign = next(c for c in self.plan.campaigns if c.name == name)
        client = self.client(plans.SENDERS[campaign.sender].outlet)
        pb = client.pb.dispatcher
        lane = persist(lambda: self.get(name), deadline).run_id
        return self._operate(client, "ResolveUnknown", pb.ResolveUnknownRequest(
            decision=pb.ResolveUnknownRequest.Decision.Value(decision), lane_id=lane,
            request_id=str(uuid.uuid4())), deadline)

    @staticmethod
    def _operate(client, verb, request, deadline):
        asked = time.time()
        answer = persist(lambda: getattr(client.dispatcher, verb)(request, timeout=5), deadline)
        return answer, asked, time.time()

    def verify(self):
        """What kabarctl verify, which recounts everything, finds wrong, a line each."""
        wrong = []
        for outlet in ("toko-a", "toko-b"):
            env = {"PATH": os.environ["PATH"],
                   "KABAR_API_KEY": self.stack.settings["keys"][f"{outlet}-viewer"],
                   **{f"KABAR_{s.upper()}_ADDRESS": self.stack.address(s) for s in SERVICES}}
            done = subprocess.run([os.path.join(self.stack.bin_dir, "kabarctl"), "verify"], env=env,
                                  check=False, capture_output=True, text=True, timeout=600)
            if done.returncode:
                wrong += [f"kabarctl verify of {outlet}: {line}" for line in
                          (done.stdout + done.stderr).splitlines() if ": " in line or not done.stdout]
        return wrong

    def set_end(self, name, moment):
        campaign = next(c for c in self.plan.campaigns if c.name == name)
        client = self.client(plans.SENDERS[campaign.sender].outlet)
        pb = client.pb.campaigns
        client.campaigns.UpdateCampaign(pb.UpdateCampaignRequest(
            campaign=pb.Campaign(id=self.campaigns[name], end=moment.isoformat()),
            update_mask={"paths": ["end"]}))

    def get(self, name):
        campaign = next(c for c in self.plan.campaigns if c.name == name)
        client = self.client(plans.SENDERS[campaign.sender].outlet)
        pb = client.pb.campaigns
        return client.campaigns.GetCampaign(pb.GetCampaignRequest(id=self.campaigns[name]), timeout=5)

    def publish(self, sender, event_id, phone, deadline):
        client = self.client(plans.SENDERS[sender].outlet)
        pb = client.pb.triggers
        request = pb.PublishEventRequest(event=pb.BusinessEvent(
            id=event_id, type=pb.EventType.Value(EVENT_TYPES[sender]), phone=phone,
            name="Budi Santoso", variables={"documentnumber": event_id, "productname": "Kopi Gayo"}))
        return persist(lambda: client.triggers.PublishEvent(request, timeout=5), deadline)


def number_id(sender):
    s = plans.SENDERS[sender]
    return f"20200{int(s.outlet == 'toko-b')}{s.number}"


def _accounts():
    """As the stack's own, with more numbers, and provider limits that only we are to keep."""
    return [{
        "id": f"10200{i}", "name": outlet, "portfolio": outlet, "templates": PROVIDER_TEMPLATES,
        "phone_numbers": [{"id": f"20200{i}{n}", "display_phone_number": f"+62 811-1000-{i}{n}0",
                           "throughput": 1000} for n in range(4)],
    } for i, outlet in enumerate(["toko-a", "toko-b"])]
