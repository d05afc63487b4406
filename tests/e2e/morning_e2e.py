"""The suite's main job: a morning file of 2,000 shipments, sent, delivered, read and answered."""

from kabarstack import morning_file, report
from stage import People, StageTest


class Morning(StageTest):
    stage_options = {"scenario": {
        "customers": {"answer": 0.1, "yes": 0.5, "no": 0.3, "delay_ms": [100, 1500]}}}

    def test_2000_recipients_get_exactly_their_text_and_every_figure_agrees(self):
        stage, people = self.stage, People(2000)
        imported = stage.load_csv(self.a, people.csv())
        self.assertEqual((imported.rows, imported.accepted, imported.refused), (2000, 2000, 0))
        run = stage.campaign(self.a, people, rate="6000/min").start().wait_ended(120)

        figures = report.figures(imported, run.stats(), stage.sim("summary"), {})
        self.assertEqual(report.problems(figures), [], figures)
        self.assertEqual((figures["asked"], figures["reached"]["sent"]), (2000, 2000), figures)
        self.assertGreater(figures["reached"]["read"], 1000, figures)
        self.assertGreater(figures["answers"]["yes"], 50, figures)
        self.assert_once_each(run)
        self.assert_texts(run, people)
        # What was counted from events is what the answers' own list says.
        told = stage.sim("summary")["answers"]
        self.assertEqual((figures["answers"]["yes"], figures["answers"]["no"]),
                         (told["yes"], told["no"]), figures)

    def assert_texts(self, run, people):
        expected = {phone[1:]: morning_file.expected_text(row)
                    for phone, row in zip(people.phones, people.rows)}
        for line in run.record():
            self.assertEqual(line["body"], expected[line["to"].lstrip("+")])
            self.assertEqual(line["kind"], "template")  # nobody has written: no window is open
