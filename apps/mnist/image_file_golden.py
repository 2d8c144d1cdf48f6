#!/usr/bin/env python3
"""Writes images of every kind, with the shades of gray that read_gray_image() has to find, for image_file_test.cc:

    apps/mnist/image_file_golden.py > apps/mnist/image_file_golden.txt

The files are made here byte by byte, after https://www.w3.org/TR/png-3 and https://netpbm.sourceforge.net/doc/pgm.html, and
the shades are fractions until they are rounded. A line is

    NAME HEIGHT WIDTH : SHADES, row by row : FILE, in hexadecimal digits
"""

import random
import struct
import zlib
from fractions import Fraction

GRAY, RGB, PALETTE, GRAY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
SAMPLES = {GRAY: 1, RGB: 3, PALETTE: 1, GRAY_ALPHA: 2, RGB_ALPHA: 4}
# Of each of Adam7's passes: the first column and row, and the steps to the next ones.
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pack(samples, depth):
    """Samples as bytes, the first one in the highest bits."""
    bits = "".join(f"{sample:0{depth}b}" for sample in samples)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))


def paeth(a, b, c):
    return min((a, b, c), key=lambda x: abs(a + b - c - x))


def filtered(kind, row, above, step):
    predict = [lambda a, b, c: 0, lambda a, b, c: a, lambda a, b, c: b, lambda a, b, c: (a + b) // 2, paeth][kind]
    at = lambda line, i: line[i] if i >= 0 else 0
    return bytes([kind]) + bytes(
        (row[i] - predict(at(row, i - step), above[i], at(above, i - step))) & 255 for i in range(len(row))
    )


def scan_lines(pixels, depth, samples):
    """Every filter in turn, from one that looks at the row above (zeros, at first)."""
    step = max(1, samples * depth // 8)
    above, out = None, b""
    for y, pixel_row in enumerate(pixels):
        row = pack([sample for pixel in pixel_row for sample in pixel], depth)
        out += filtered((y + 4) % 5, row, above or bytes(len(row)), step)
        above = row
    return out


def png(pixels, kind, depth, interlaced=False, before=(), pieces=1):
    """pixels[y][x] is a tuple of samples; `before` are the chunks between the header and the pixels."""
    lines = b""
    if interlaced:
        for x, y, dx, dy in ADAM7:
            part = [row[x::dx] for row in pixels[y::dy]]
            if part and part[0]:
                lines += scan_lines(part, depth, SAMPLES[kind])
    else:
        lines = scan_lines(pixels, depth, SAMPLES[kind])
    data = zlib.compress(lines, 9)
    size = -(-len(data) // pieces)
    header = struct.pack(">IIBBBBB", len(pixels[0]), len(pixels), depth, kind, 0, 0, int(interlaced))
    chunks = [(b"IHDR", header), *before]
    chunks += [(b"IDAT", data[i : i + size]) for i in range(0, len(data), size)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*c) for c in chunks + [(b"IEND", b"")])


def shade(red, green, blue, alpha=Fraction(1)):
    luma = 6968 * red + 23434 * green + 2366 * blue
    return int(255 * alpha * luma / 32768 + Fraction(1, 2))


def shade_of(pixel, kind, depth, palette, transparent):
    most = 2**depth - 1
    if kind == PALETTE:
        index = pixel[0]
        alpha = transparent[index] if transparent and index < len(transparent) else 255
        return shade(*(Fraction(part, 255) for part in palette[index]), Fraction(alpha, 255))
    parts = [Fraction(sample, most) for sample in pixel]
    if kind in (GRAY, GRAY_ALPHA):
        parts[:1] = parts[:1] * 3
    if transparent is not None and pixel == transparent:
        parts.append(Fraction(0))
    return shade(*parts)


def show(name, grays, file):
    print(name, len(grays), len(grays[0]), ":", *(gray for row in grays for gray in row), ":", file.hex())


def show_png(name, pixels, kind, depth, palette=None, transparent=None, before=(), **settings):
    grays = [[shade_of(pixel, kind, depth, palette, transparent) for pixel in row] for row in pixels]
    before = list(before)
    if palette:
        before.append((b"PLTE", bytes(part for color in palette for part in color)))
    if transparent is not None:
        one = "B" if kind == PALETTE else "H"
        before.append((b"tRNS", struct.pack(f">{len(transparent)}{one}", *transparent)))
    show(name, grays, png(pixels, kind, depth, before=before, **settings))


def some(rng, height, width, samples, most):
    """Random pixels; the first are black and white, opaque and not."""
    pixels = [[tuple(rng.randint(0, most) for _ in range(samples)) for _ in range(width)] for _ in range(height)]
    corners = [(0,) * samples, (most,) * samples, (most,) * (samples - 1) + (0,), (0,) * (samples - 1) + (most,)]
    flat = [corners[i] if i < 4 else pixels[i // width][i % width] for i in range(height * width)]
    return [flat[y * width : (y + 1) * width] for y in range(height)]


def every_kind(rng):
    names = {GRAY: "gray", RGB: "rgb", PALETTE: "palette", GRAY_ALPHA: "gray_alpha", RGB_ALPHA: "rgb_alpha"}
    depths = {GRAY: (1, 2, 4, 8, 16), PALETTE: (1, 2, 4, 8)}
    for kind, samples in SAMPLES.items():
        for depth in depths.get(kind, (8, 16)):
            for interlaced in (False, True):
                palette = None
                if kind == PALETTE:
                    palette = [tuple(rng.randint(0, 255) for _ in range(3)) for _ in range(min(2**depth, 40))]
                most = len(palette) - 1 if palette else 2**depth - 1
                name = f"{names[kind]}_{depth}" + ("_interlaced" if interlaced else "")
                pixels = some(rng, 6, 7, samples, most)
                show_png(name, pixels, kind, depth, palette, interlaced=interlaced)
                # One transparent colour, or a palette whose first colours have an alpha.
                if kind in (GRAY, RGB):
                    show_png(name + "_trns", pixels, kind, depth, None, pixels[2][3], interlaced=interlaced)
                if kind == PALETTE:
                    alphas = [rng.randint(0, 255) for _ in range(max(1, len(palette) // 2))]
                    show_png(name + "_trns", pixels, kind, depth, palette, alphas, interlaced=interlaced)


def special(rng):
    pixels = some(rng, 5, 5, 3, 255)
    gamma = [(b"gAMA", struct.pack(">I", 100000))]
    show_png("with_gamma", pixels, RGB, 8, before=gamma)
    chromaticities = [(b"cHRM", struct.pack(">8I", 31270, 32900, 70800, 29200, 17000, 79700, 13100, 4600))]
    show_png("with_chromaticities", pixels, RGB, 8, before=chromaticities)
    show_png("with_background", pixels, RGB, 8, None, pixels[3][3], before=[(b"bKGD", struct.pack(">3H", 255, 255, 255))])
    text = [(b"tEXt", b"Comment\0a digit"), (b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * 1000)), (b"prVt", b"??")]
    show_png("with_texts", pixels, RGB, 8, before=text)
    show_png("with_suggested_palette", pixels, RGB, 8, before=[(b"PLTE", bytes(range(30)))])
    show_png("in_pieces", pixels, RGB, 8, pieces=100)
    for height, width in ((1, 1), (1, 9), (9, 1), (2, 3), (4, 4), (17, 3)):
        pixels = some(rng, height, width, 1, 255)
        show_png(f"interlaced_{height}x{width}", pixels, GRAY, 8, interlaced=True)
        pixels = some(rng, height, width, 1, 1)
        show_png(f"interlaced_bits_{height}x{width}", pixels, GRAY, 1, interlaced=True)


def pgm(rng):
    for most in (1, 2, 7, 15, 100, 254, 255, 256, 1000, 65534, 65535):
        samples = [row for row in some(rng, 4, 6, 1, most)]
        grays = [[int(Fraction(255 * pixel[0], most) + Fraction(1, 2)) for pixel in row] for row in samples]
        flat = [pixel[0] for row in samples for pixel in row]
        raw = f"P5\n6 4\n{most}\n".encode() + struct.pack(f">{len(flat)}{'H' if most > 255 else 'B'}", *flat)
        show(f"pgm_raw_{most}", grays, raw)
        plain = f"P2\n6 4\n{most}\n" + "\n".join(" ".join(str(pixel[0]) for pixel in row) for row in samples) + "\n"
        show(f"pgm_plain_{most}", grays, plain.encode())


if __name__ == "__main__":
    generator = random.Random(1)
    every_kind(generator)
    special(generator)
    pgm(generator)
