#!/usr/bin/python3
"""What Debian's Chromium, without a window, makes of a report.

    apps/report/in_browser.py runs/mnist/001/report.html [SCREENSHOT.png]

Prints as JSON the titles and charts that it shows, how many shapes each chart has, how many pictures, whether the page fits
its width, how high it is, and the lines of the console, of which there should be none.
"""

import html
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

WIDTH = 1280  # of the window

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
    fits: document.documentElement.scrollWidth <= innerWidth,
    height: document.documentElement.scrollHeight,
  });
});
</script>"""


def look(page, screenshot=None):
    browser = shutil.which("chromium")
    if browser is None:
        raise RuntimeError("expected Debian's chromium, found none: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder:
        probed = os.path.join(folder, "probed.html")
        with open(page, encoding="utf-8") as file:
            text = file.read()
        with open(probed, "w", encoding="utf-8") as file:
            file.write(text.replace("</body>", PROBE + "</body>"))
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
                   "--hide-scrollbars", "--user-data-dir=" + os.path.join(folder, "profile")]
        run = subprocess.run(command + [f"--window-size={WIDTH},800", "--dump-dom", "file://" + probed],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120, check=True)
        seen = json.loads(html.unescape(re.search(r"<title>(.*?)</title>", run.stdout, re.S).group(1)))
        seen["console"] = [line for line in run.stderr.splitlines() if "CONSOLE" in line]
        if screenshot is not None:
            size = f"--window-size={WIDTH},{seen['height']}"
            subprocess.run(command + [size, "--screenshot=" + os.path.abspath(screenshot), "file://" + os.path.abspath(page)],
                           stderr=subprocess.DEVNULL, timeout=120, check=True)
    return seen


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    print(json.dumps(look(*sys.argv[1:]), indent=2))
