"""A picture is uploaded once, sent by its id to everybody, and uploaded anew when the id runs out."""

import json
import os
import struct
import subprocess
import urllib.request
import zlib

import grpc

from kabarstack.client import describe
from kabarstack.settings import SERVICES
from stage import BIN, People, StageTest, eventually

FORM = "promo_pagi"
MESSAGE = '{{provider "' + FORM + '" "id" nama}}Halo {{nama}}, paket {no_resi} jalan.'
COMPONENTS = [{"type": "HEADER", "format": "IMAGE"}, {"type": "BODY", "text": "Halo {{1}}."}]


def png(color):
    """A picture of one point."""
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(b"\0" + bytes(color))) + chunk(b"IEND", b""))


class Media(StageTest):
    stage_options = {"sim_setup": {"limits": {"pair_interval_s": 0.2}}}

    @classmethod
    def prepare(cls):
        cls.stage.sim("setup", {"wabas": [{
            "id": cls.stage.account_id(cls.a), "templates": [{
                "name": FORM, "language": "id", "category": "UTILITY", "components": COMPONENTS}]}]})
        cls.stage.sender(cls.a, account_id=cls.stage.account_id(cls.a), pair_rate="10/s")
        pb = cls.a.pb.templates
        eventually("WhatsApp's template is known", lambda: cls.a.templates.SyncProviderTemplates(
            pb.SyncProviderTemplatesRequest()).templates > 0)

    def upload(self, name, data, mime_type="image/png"):
        pb = self.a.pb.dispatcher

        def parts():
            yield pb.UploadMediaRequest(info=pb.UploadMediaRequest.Info(name=name, mime_type=mime_type))
            for at in range(0, len(data), 1000):
                yield pb.UploadMediaRequest(data=data[at:at + 1000])

        return self.a.dispatcher.UploadMedia(parts(), timeout=60)

    def medium(self, name):
        pb = self.a.pb.dispatcher
        return next(m for m in self.a.dispatcher.ListMedia(pb.ListMediaRequest()).media if m.name == name)

    def template(self, name):
        pb = self.a.pb.templates
        wanted = pb.Template(code=self.stage.unique("foto"), message=MESSAGE, missing_data=pb.STRICT)
        wanted.parts.header_kind = wanted.parts.IMAGE
        wanted.parts.media_link = f"medium:{name}"
        return self.a.templates.CreateTemplate(pb.CreateTemplateRequest(template=wanted)).id

    def uploads(self):
        with urllib.request.urlopen(f"{self.stage.stack.sim_url}/_sim/media", timeout=30) as answer:
            return [json.loads(line) for line in answer.read().decode().splitlines()]

    def lose(self, media_id):
        """As if WhatsApp had deleted it by itself."""
        request = urllib.request.Request(f"{self.stage.stack.sim_url}/v23.0/{media_id}", method="DELETE")
        request.add_header("Authorization", "Bearer "
                           + self.stage.stack.settings["access_tokens"]["toko-a"])
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert json.load(answer)["success"]

    def test_uploaded_once_for_all_and_anew_when_it_runs_out(self):
        known = {one["id"] for one in self.uploads()}

        def fresh():
            return [one for one in self.uploads() if one["id"] not in known]

        first = self.upload("promo", png((255, 0, 0)))
        self.assertEqual(self.upload("promo", png((255, 0, 0))).update_time, first.update_time)
        template = self.template("promo")
        run = self.stage.send(self.a, People(40), template=template).wait_ended()
        self.assert_once_each(run)
        self.assertEqual(len(fresh()), 1, "once, for as many messages as there are")
        uploaded = fresh()[0]
        self.assertEqual(uploaded["phone_number_id"], self.stage.number_id(self.a))
        self.assertEqual((uploaded["sha256"], uploaded["sends"]), (first.sha256, 40))
        self.assertEqual({line["header"] for line in run.record()}, {f"[image]{uploaded['id']}"})

        # Within its window the text goes with the same picture.
        writer = People(1)
        self.stage.customer_writes(writer.phones[0], "Halo")
        self.stage.settle()
        free = self.stage.send(self.a, writer, template=template).wait_ended()
        self.assertEqual([line["kind"] for line in free.record()], ["image"])
        self.assertEqual([one["sends"] for one in fresh()], [41])

        # 27 days later it is uploaded anew before it runs out.
        self.stage.query("UPDATE dispatcher.media_uploads SET uploaded_at = now() - interval '27 days'"
                         " WHERE name = 'promo'")
        eventually("it is renewed", lambda: len(fresh()) == 2, 30)
        renewed = next(one["id"] for one in fresh() if one["id"] != uploaded["id"])
        eventually("it is known", lambda: self.medium("promo").uploads[0].media_id == renewed, 30)

        # WhatsApp has lost it: the messages wait for a new one, and each goes once.
        self.lose(renewed)
        run = self.stage.send(self.a, People(5), template=template).wait_ended(120)
        self.assert_once_each(run)
        third = [one for one in fresh() if one["id"] != uploaded["id"]]
        self.assertEqual([one["sends"] for one in third], [5])

    def test_one_that_is_not_there_is_said_before_the_start_and_waited_for_after(self):
        people = People(3)
        self.stage.load(self.a, people)
        run = self.stage.campaign(self.a, people, template=self.template("belum-ada"))
        pb = self.a.pb.campaigns

        def foreseen():
            summary = list(self.a.campaigns.PreflightCampaign(
                pb.PreflightCampaignRequest(id=run.id)))[-1].summary
            return {r.reason: r.messages for r in summary.reasons}

        self.assertEqual(foreseen(), {"MEDIUM_NOT_UPLOADED": 3})
        run.start()
        eventually("they say what they wait for", lambda: {m.reason for m in run.messages()} ==
                   {"MEDIUM_NOT_UPLOADED"}, 30)
        self.assertEqual(self.stage.starts(people.phones), [])
        self.upload("belum-ada", png((0, 255, 0)))
        run.wait_ended(60)
        self.assert_once_each(run)
        self.assertEqual({m.reason for m in run.messages()}, {""})

    def test_from_the_command_line(self):
        env = {"PATH": os.environ["PATH"],
               "KABAR_API_KEY": self.stage.stack.settings["keys"]["toko-a-owner"],
               **{f"KABAR_{s.upper()}_ADDRESS": self.stage.stack.address(s) for s in SERVICES}}

        def kabarctl(*words):
            return subprocess.run([os.path.join(BIN, "kabarctl"), *words], env=env, check=False,
                                  capture_output=True, text=True, timeout=60)

        path = os.path.join(self.stage.folder, "brosur.png")
        with open(path, "wb") as out:
            out.write(png((0, 0, 255)))
        done = kabarctl("media", "upload", path, "--name", "brosur")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("medium:brosur", done.stdout)
        self.assertIn("brosur", kabarctl("media", "list").stdout)
        done = kabarctl("media", "upload", path, "--name", "brosur", "--type", "image/gif")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("image/png", done.stderr)
        self.assertEqual(kabarctl("media", "delete", "brosur").returncode, 0)
        self.assertEqual(kabarctl("media", "delete", "brosur").returncode, 1)

    def test_what_whatsapp_would_not_take_is_refused(self):
        for name, mime_type, data, what in (("salah", "image/gif", b"GIF89a", "does not take"),
                                            ("salah", "audio/ogg", b"OggS", "no header"),
                                            ("salah", "image/png", bytes(6 << 20), "at most 5 MiB"),
                                            ("salah", "image/png", b"", "is empty"),
                                            ("salah", "image/jpeg", png((0, 0, 0)), "first bytes"),
                                            ("Nama Salah", "image/png", png((0, 0, 0)), "small letters")):
            with self.assertRaises(grpc.RpcError) as refused:
                self.upload(name, data, mime_type)
            self.assertEqual(refused.exception.code().name, "INVALID_ARGUMENT")
            self.assertIn(what, describe(refused.exception))
