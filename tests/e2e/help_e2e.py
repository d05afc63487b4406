"""What each tool says of itself."""

import os
import re
import subprocess
import unittest

TOOLS = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))),
                     "tools")


def ask(*words):
    return subprocess.run([os.path.join(TOOLS, words[0]), *words[1:], "--help"],
                          capture_output=True, text=True, timeout=60, check=False)


class Help(unittest.TestCase):
    def test_every_tool_explains_itself(self):
        tools = ["bench", "chaos", "demo", "fuzz", "lint", "setup", "stack", "test"]
        benches = re.findall(r"^  tools/bench (\w+)  ", ask("bench").stdout, re.MULTILINE)
        self.assertGreater(len(benches), 5)
        for words in [[tool] for tool in tools] + [["bench", name] for name in benches]:
            with self.subTest(tool=" ".join(words)):
                told = ask(*words)
                self.assertEqual(told.returncode, 0, told.stderr)
                self.assertIn("--", told.stdout)
