#!/usr/bin/python3
"""The report of a run in headless Chromium: nothing on the console, every chart and picture drawn.

browser_test.py PROGRAM: mnist.
"""

import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, "apps/report")
import in_browser  # noqa: E402

PROGRAM = None


class BrowserTest(unittest.TestCase):
    def test_draws_the_report_of_a_run(self):
        folder = tempfile.mkdtemp()
        subprocess.run([PROGRAM, "--model=linear", "--epochs=2", "--output=" + folder], stdout=subprocess.DEVNULL, check=True)
        seen = in_browser.look(folder + "/report.html")
        self.assertEqual(seen["console"], [])
        self.assertEqual(seen["titles"], ["Settings", "loss", "accuracy", "lr", "After the last epoch", "Confusion matrix",
                                          "The worst mistakes", "First-layer weights"])
        self.assertEqual(seen["charts"], ["loss", "accuracy", "lr", "Confusion matrix"])
        self.assertTrue(all(count >= 10 for count in seen["shapes"]), seen)
        self.assertEqual(seen["images"], 24 + 10)  # mistakes, and the weights of each digit
        self.assertTrue(seen["fits"])


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
