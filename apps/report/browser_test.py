#!/usr/bin/python3
"""The page in headless Chromium: nothing on the console, every chart and picture drawn.

browser_test.py PROGRAM: the program that writes it. LAMINA_SCREENSHOT=FILE keeps what Chromium drew.
"""

import html
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
PROGRAM = None

# Runs in the page once it is drawn, and leaves in its title what it measured there.
PROBE = """<script>
addEventListener('load', () => {
  const box = e => { const r = e.getBoundingClientRect(); return r.width > 0 && r.height > 0; };
  const svgs = [...document.querySelectorAll('svg')];
  const images = [...document.querySelectorAll('img')];
  document.title = JSON.stringify({
    charts: svgs.filter(box).map(s => s.closest('section').querySelector('h2').textContent),
    shapes: svgs.map(s => [...s.querySelectorAll('path,circle,rect,line,text')].filter(e => e.getBBox().width + e.getBBox().height > 0).length),
    images: images.filter(i => i.complete && i.naturalWidth > 0).length,
    titles: [...document.querySelectorAll('section h2')].filter(box).map(e => e.textContent),
    wide: document.documentElement.scrollWidth <= innerWidth,
  });
});
</script>"""


# What example_page.cc adds, in its order; the four after "Settings" are those of add_training().
TITLES = ["Settings", "loss", "accuracy", "lr", "After the last epoch", "Confusion matrix", "Gray", "Colours",
          "Predicted against true", "Bytes", "Remarks"]
CHARTS = ["loss", "accuracy", "lr", "Confusion matrix", "Predicted against true"]
IMAGES = 4 + 1  # in "Gray" and in "Colours"


class BrowserTest(unittest.TestCase):
    def test_draws_every_chart_and_picture_and_complains_of_nothing(self):
        browser = shutil.which("chromium")
        self.assertIsNotNone(browser, "expected Debian's chromium, found none: apt-get install chromium")
        folder = tempfile.mkdtemp()
        page, probed = os.path.join(folder, "page.html"), os.path.join(folder, "probed.html")
        subprocess.run([PROGRAM, page], check=True)
        with open(page, encoding="utf-8") as file:
            text = file.read()
        with open(probed, "w", encoding="utf-8") as file:
            file.write(text.replace("</body>", PROBE + "</body>"))
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--window-size=1000,2600",
                   "--user-data-dir=" + os.path.join(folder, "profile")]
        run = subprocess.run(command + ["--dump-dom", "file://" + probed], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True, timeout=120, check=True)
        console = [line for line in run.stderr.splitlines() if "CONSOLE" in line]
        self.assertEqual(console, [])
        title = re.search(r"<title>(.*?)</title>", run.stdout, re.S).group(1)
        seen = json.loads(html.unescape(title))
        self.assertEqual(seen["titles"], TITLES)
        self.assertEqual(seen["charts"], CHARTS)
        self.assertTrue(all(count >= 10 for count in seen["shapes"]), seen)
        self.assertEqual(seen["images"], IMAGES)
        self.assertTrue(seen["wide"])
        shot = os.path.join(folder, "page.png")
        subprocess.run(command + ["--screenshot=" + shot, "file://" + page], stderr=subprocess.DEVNULL, timeout=120, check=True)
        self.assertGreater(os.path.getsize(shot), 20000)
        if "LAMINA_SCREENSHOT" in os.environ:
            shutil.copy(shot, os.environ["LAMINA_SCREENSHOT"])


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
