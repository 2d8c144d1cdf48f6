#!/usr/bin/python3
"""The page as parsers see it that are not ours: Python's for XML, and zlib for the pictures.

page_test.py PROGRAM: the program that writes it.
"""

import base64
import os
import re
import struct
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree
import zlib

PROGRAM = None
SVG = "{http://www.w3.org/2000/svg}"
HTML = "{http://www.w3.org/1999/xhtml}"


def pixels(png):
    """(width, height, color type, bytes of the rows) of a PNG of 8 bits, by its definition."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n", png[:8]
    at, data, header = 8, b"", None
    while at < len(png):
        (length,) = struct.unpack(">I", png[at:at + 4])
        kind, body = png[at + 4:at + 8], png[at + 8:at + 8 + length]
        (crc,) = struct.unpack(">I", png[at + 8 + length:at + 12 + length])
        assert crc == zlib.crc32(kind + body), kind
        if kind == b"IHDR":
            header = struct.unpack(">IIBBBBB", body)
        elif kind == b"IDAT":
            data += body
        at += 12 + length
    width, height, depth, color, *rest = header
    assert depth == 8 and rest == [0, 0, 0]
    channels = {0: 1, 2: 3}[color]
    raw, stride, rows = zlib.decompress(data), width * channels, []
    before = bytes(stride)
    for y in range(height):
        kind, row = raw[y * (stride + 1)], bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        for i in range(stride):
            a = row[i - channels] if i >= channels else 0
            b, c = before[i], before[i - channels] if i >= channels else 0
            p = a + b - c
            paeth = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            row[i] = (row[i] + [0, a, b, (a + b) // 2, paeth][kind]) % 256
        rows.append(bytes(row))
        before = rows[-1]
    return width, height, color, b"".join(rows)


class PageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        path = os.path.join(tempfile.mkdtemp(), "page.html")
        subprocess.run([PROGRAM, path], check=True)
        with open(path, encoding="utf-8") as file:
            cls.text = file.read()
        cls.page = xml.etree.ElementTree.fromstring(cls.text)

    def images(self):
        for image in self.page.iter(HTML + "img"):
            kind, data = image.get("src").split(",")
            self.assertEqual(kind, "data:image/png;base64")
            yield image.get("alt"), pixels(base64.b64decode(data, validate=True))

    def test_is_html_5(self):
        self.assertTrue(self.text.startswith("<!DOCTYPE html>\n<html"))
        self.assertEqual(self.page.find(HTML + "head").find(HTML + "title").text, 'An <example> & its "page"')

    def test_needs_no_network_and_no_script(self):
        self.assertEqual(list(self.page.iter(HTML + "script")), [])
        self.assertEqual(list(self.page.iter(HTML + "link")), [])
        addresses = set(re.findall(r"https?://[^\"' )]*", self.text))
        self.assertEqual(addresses, {"http://www.w3.org/1999/xhtml", "http://www.w3.org/2000/svg"})  # names of XML

    def test_has_every_section(self):
        titles = [title.text for title in self.page.iter(HTML + "h2")]
        self.assertEqual(titles, ["Settings", "loss", "accuracy", "lr", "After the last epoch", "Confusion matrix", "Gray",
                                  "Colours", "Predicted against true", "Bytes", "Remarks"])
        self.assertEqual(len(list(self.page.iter(SVG + "svg"))), 5)

    def test_shows_text_as_it_is(self):
        self.assertIn("Nothing in here is <b>HTML</b>.", [p.text for p in self.page.iter(HTML + "p")])
        cells = [cell.text for cell in self.page.iter(HTML + "td")]
        self.assertIn("a < b", cells)
        self.assertIn("<cow>", [t.text for t in self.page.iter(SVG + "text")])

    def test_bytes_that_are_no_text_are_replaced(self):
        text = "gr\u00fc\u00df ".encode() + b"caf\xe9, \xed\xa0\x80 "
        expected = text.decode("utf-8", "replace") + "\ufffd\ufffd\ufffd \ufffd"
        self.assertIn(expected, [p.text for p in self.page.iter(HTML + "p")])

    def test_last_epoch_is_in_the_table(self):
        cells = [cell.text for cell in self.page.iter(HTML + "td")]
        self.assertEqual(cells[cells.index("val_accuracy") + 1], "0.94")
        self.assertEqual(cells[cells.index("val_loss") + 1], "0.12")

    def test_a_value_that_is_not_finite_breaks_the_line(self):
        loss = list(self.page.iter(SVG + "svg"))[0]
        train, val = [path.get("d") for path in loss.iter(SVG + "path")]
        self.assertEqual((train.count("M"), train.count("L")), (1, 9))
        self.assertEqual((val.count("M"), val.count("L")), (2, 7))

    def test_lines_go_where_the_values_are(self):
        """The losses 1 / epoch, through the ticks' labels: pixels and numbers are linear in one another."""
        loss = list(self.page.iter(SVG + "svg"))[0]
        ticks = [(float(t.get("y")) - 4, float(t.text)) for t in loss.iter(SVG + "text") if t.get("text-anchor") == "end"]
        (y0, v0), (y1, v1) = ticks[0], ticks[-1]
        path = next(loss.iter(SVG + "path")).get("d")
        heights = [float(y) for _, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", path)]
        for epoch, y in enumerate(heights, 1):
            self.assertAlmostEqual(v0 + (y - y0) / (y1 - y0) * (v1 - v0), 1 / epoch, delta=0.002)

    def test_pictures_are_pngs_of_their_values(self):
        found = list(self.images())
        self.assertEqual([caption for caption, _ in found], ["a", "b", "c", "d & e", ""])
        ramp = bytes(round(255 * i / 63) for i in range(64))
        for _, (width, height, color, data) in found[:4]:
            self.assertEqual((width, height, color), (8, 8, 0))
            self.assertEqual(data, ramp)
        width, height, color, data = found[4][1]
        self.assertEqual((width, height, color), (3, 1, 2))
        self.assertEqual(data, bytes([255, 0, 0, 0, 255, 0, 0, 0, 255]))

    def test_confusion_counts_are_shown(self):
        matrix = list(self.page.iter(SVG + "svg"))[3]
        titles = [title.text for title in matrix.iter(SVG + "title")]
        self.assertEqual(len(titles), 9)
        self.assertIn("label dog, answer <cow>: 9", titles)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
