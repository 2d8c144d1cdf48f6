#!/usr/bin/python3
"""The page in headless Chromium: nothing on the console, every chart and picture drawn.

browser_test.py PROGRAM: the program that writes it.
"""

import os
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, "apps/report")
import in_browser  # noqa: E402

PROGRAM = None

# What example_page.cc adds, in its order; the four after "Settings" are those of add_training().
TITLES = ["Settings", "loss", "accuracy", "lr", "After the last epoch", "Confusion matrix", "Gray", "Colours",
          "Predicted against true", "Bytes", "Remarks"]
CHARTS = ["loss", "accuracy", "lr", "Confusion matrix", "Predicted against true"]
IMAGES = 4 + 1  # in "Gray" and in "Colours"


class BrowserTest(unittest.TestCase):
    def test_draws_every_chart_and_picture_and_complains_of_nothing(self):
        folder = tempfile.mkdtemp()
        page, shot = os.path.join(folder, "page.html"), os.path.join(folder, "page.png")
        subprocess.run([PROGRAM, page], check=True)
        seen = in_browser.look(page, shot)
        self.assertEqual(seen["console"], [])
        self.assertEqual(seen["titles"], TITLES)
        self.assertEqual(seen["charts"], CHARTS)
        self.assertTrue(all(count >= 10 for count in seen["shapes"]), seen)
        self.assertEqual(seen["images"], IMAGES)
        self.assertTrue(seen["fits"])
        self.assertGreater(os.path.getsize(shot), 20000)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
