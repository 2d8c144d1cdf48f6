#!/usr/bin/python3
"""Reads an event file and PNG images by readers of this file's own, which know the formats from their definitions only:
https://protobuf.dev/programming-guides/encoding, the numbers of TensorFlow's event.proto and summary.proto, RFC 3720 for
CRC32C, and https://www.w3.org/TR/png-3. Where Debian's python3-protobuf is installed it reads the events as well."""

import bisect
import glob
import importlib
import math
import os
import struct
import subprocess
import sys
import time
import unittest
import zlib

HERE = "serialization"  # In the runfiles, where Bazel starts a test.
FOLDER = os.environ["TEST_TMPDIR"]


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(crc):
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(data):
    while data:
        length, length_crc = struct.unpack("<QI", data[:12])
        assert masked(crc32c(data[:8])) == length_crc
        record, rest = data[12 : 12 + length], data[12 + length :]
        assert len(record) == length
        assert masked(crc32c(record)) == struct.unpack("<I", rest[:4])[0]
        yield record
        data = rest[4:]


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 0x80:
            return value, at


def fields(data):
    """Of a message: number to list of values, which are integers or bytes."""
    found, at = {}, 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        else:
            size = {1: 8, 5: 4}.get(kind)
            if kind == 2:
                size, at = varint(data, at)
            value, at = data[at : at + size], at + size
            assert len(value) == size
        found.setdefault(key >> 3, []).append(value)
    return found


def double(value):
    return struct.unpack("<d", value)[0]


def doubles(value):
    return list(struct.unpack(f"<{len(value) // 8}d", value))


def only(values):
    assert len(values) == 1
    return values[0]


def png(data):
    """(channels, height, width) as nested lists."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, chunks = 8, []
    while at < len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        kind, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        assert struct.unpack(">I", data[at + 8 + size : at + 12 + size])[0] == zlib.crc32(kind + content)
        chunks.append((kind, content))
        at += 12 + size
    assert [kind for kind, _ in chunks] == [b"IHDR", b"IDAT", b"IEND"]
    width, height, bits, colour, *rest = struct.unpack(">IIBBBBB", chunks[0][1])
    assert bits == 8 and rest == [0, 0, 0]
    channels = {0: 1, 2: 3}[colour]
    pixels, filters = zlib.decompress(chunks[1][1]), set()
    row_size = width * channels
    assert len(pixels) == height * (row_size + 1)
    rows = [[0] * row_size]
    for begin in range(0, len(pixels), row_size + 1):
        kind, row, above = pixels[begin], list(pixels[begin + 1 : begin + 1 + row_size]), rows[-1]
        filters.add(kind)
        for i in range(row_size):
            a, b, c = (row[i - channels], above[i], above[i - channels]) if i >= channels else (0, above[i], 0)
            p = a + b - c
            paeth = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            row[i] = (row[i] + [0, a, b, (a + b) // 2, paeth][kind]) % 256
        rows.append(row)
    return [[row[channel::channels] for row in rows[1:]] for channel in range(channels)], filters


def pattern(channels, height, width):
    """As in event_file_writer.cc."""
    flat = iter((37 * i + i // 7) % 251 for i in range(channels * height * width))
    return [[[next(flat) for _ in range(width)] for _ in range(height)] for _ in range(channels)]


def setUpModule():
    subprocess.run([os.path.join(HERE, "event_file_writer"), FOLDER], check=True)


class EventFileTest(unittest.TestCase):
    def setUp(self):
        paths = glob.glob(os.path.join(FOLDER, "runs/first/*"))
        self.path = only(paths)
        with open(self.path, "rb") as data:
            self.bytes = data.read()
        self.events = [fields(record) for record in records(self.bytes)]

    def value(self, i):
        self.assertEqual(set(self.events[i]) - {1, 2}, {5})
        return fields(only(fields(only(self.events[i][5]))[1]))

    def test_name_is_one_that_tensorboard_looks_for(self):
        self.assertRegex(os.path.basename(self.path), r"^events\.out\.tfevents\.\d{10}\.")

    def test_begins_with_the_version(self):
        self.assertEqual(set(self.events[0]), {1, 3})
        self.assertEqual(self.events[0][3], [b"brain.Event:2"])

    def test_events_have_the_time_of_writing(self):
        times = [double(only(event[1])) for event in self.events]
        self.assertEqual(times, sorted(times))
        self.assertLess(times[-1], time.time() + 1)
        self.assertGreater(times[0], time.time() - 3600)

    def test_has_scalars(self):
        self.assertEqual(len(self.events), 8)
        for step, expected in enumerate([1.5, 0.75, 0.5]):
            self.assertEqual(self.events[1 + step].get(2, [0]), [step])
            value = self.value(1 + step)
            self.assertEqual(set(value), {1, 2})
            self.assertEqual(value[1], [b"loss/train"])
            self.assertEqual(struct.unpack("<f", only(value[2]))[0], expected)
        self.assertEqual(self.events[4][2], [2**40])
        self.assertEqual(only(self.value(4)[1]).decode(), "größe")
        self.assertEqual(struct.unpack("<f", only(self.value(4)[2]))[0], -math.inf)

    def test_has_a_histogram(self):
        value = self.value(5)
        self.assertEqual(set(value), {1, 5})
        histogram = fields(only(value[5]))
        values = [(i - 300) / 100 for i in range(1001)]
        self.assertEqual(double(only(histogram[1])), -3)
        self.assertEqual(double(only(histogram[2])), 7)
        self.assertEqual(double(only(histogram[3])), 1001)
        self.assertAlmostEqual(double(only(histogram[4])), math.fsum(values), places=9)
        self.assertAlmostEqual(double(only(histogram[5])), math.fsum(v * v for v in values), places=9)
        limits, counts = doubles(only(histogram[6])), doubles(only(histogram[7]))
        self.assertEqual(limits, sorted(set(limits)))
        expected = [0] * len(limits)
        for v in values:
            expected[bisect.bisect_right(limits, v)] += 1
        self.assertEqual(counts, expected)
        self.assertEqual(counts[0], 0)
        self.assertGreater(counts[1], 0)
        self.assertGreater(counts[-1], 0)
        # Powers of 1.1 on both sides of 0; the smallest is 1e-12.
        zero = limits.index(0)
        self.assertEqual(limits[zero + 1], 1e-12)
        self.assertEqual(limits[zero - 1], -1e-12)
        for low, high in zip(limits[zero + 1 :], limits[zero + 2 :]):
            self.assertAlmostEqual(high / low, 1.1, places=12)

    def test_has_images(self):
        for i, shape in ((6, (1, 5, 9)), (7, (3, 40, 30))):
            value = self.value(i)
            self.assertEqual(set(value), {1, 4})
            image = fields(only(value[4]))
            self.assertEqual((image[3], image[1], image[2]), tuple([n] for n in shape))
            self.assertEqual(png(only(image[4]))[0], pattern(*shape))

    def test_is_readable_up_to_the_last_whole_record_when_it_is_cut(self):
        ends, at = [0], 0
        while at < len(self.bytes):
            at += 16 + struct.unpack("<Q", self.bytes[at : at + 8])[0]
            ends.append(at)
        for cut in range(0, len(self.bytes), 101):
            whole = [end for end in ends if end <= cut]
            self.assertEqual(len(list(records(self.bytes[: whole[-1]]))), len(whole) - 1)

    def test_protobuf_reads_the_same(self):
        try:
            importlib.import_module("google.protobuf")
        except ImportError:
            self.skipTest("no python3-protobuf")
        sys.path.insert(0, HERE)
        Event = importlib.import_module("event_pb2").Event
        events = [Event.FromString(record) for record in records(self.bytes)]
        self.assertEqual([event.WhichOneof("what") for event in events], ["file_version"] + ["summary"] * 7)
        kinds = [event.summary.value[0].WhichOneof("value") for event in events[1:]]
        self.assertEqual(kinds, ["simple_value"] * 4 + ["histo"] + ["image"] * 2)
        self.assertEqual(events[1].summary.value[0].simple_value, 1.5)
        self.assertEqual(events[5].summary.value[0].histo.num, 1001)
        self.assertEqual(sum(events[5].summary.value[0].histo.bucket), 1001)
        self.assertEqual(events[7].summary.value[0].image.width, 30)
        for event, record in zip(events, records(self.bytes)):
            self.assertEqual(event.SerializeToString(deterministic=True), record)


class PngTest(unittest.TestCase):
    def test_pixels_are_those_of_the_array(self):
        filters = set()
        for name, shape in (("plane", (1, 17, 23)), ("rgb", (3, 300, 200)), ("dot", (1, 1, 1))):
            with open(os.path.join(FOLDER, name + ".png"), "rb") as data:
                pixels, used = png(data.read())
            filters |= used
            self.assertEqual(pixels, pattern(*shape), name)
        self.assertGreater(len(filters), 1)


if __name__ == "__main__":
    unittest.main()
