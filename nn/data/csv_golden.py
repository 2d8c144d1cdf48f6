#!/usr/bin/python3
"""Writes testdata/golden.csv by Python's csv module, and testdata/golden.txt: what pandas reads in it.

Needs Debian's python3-pandas. golden.txt has a line for each cell, column by column, of one column a block: "number <hex>",
"text <bytes in hex>" or "missing".
"""

import csv
import os
import random

import pandas

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "testdata")
ROWS = 300


def decimal(random_):
    kind = random_.randrange(6)
    if kind == 0:
        return str(random_.randrange(-(10**6), 10**6))
    if kind == 1:
        return f"{random_.gauss(0, 1000):.{random_.randrange(9)}f}"
    if kind == 2:
        return repr(random_.uniform(-1, 1) * 10.0 ** random_.randrange(-300, 300))
    if kind == 3:
        return f"{random_.gauss(0, 1):.3e}"
    if kind == 4:
        return f" +{random_.random()} "
    return random_.choice(["", "NA", "nan", "inf", "-inf", "1.", ".25", "0", "-0.0"])


def text(random_):
    pieces = ["a", "b", ",", '"', "\n", "\r\n", "ü", " ", "1", "", "'", ";", "NA"]
    return "".join(random_.choice(pieces) for _ in range(random_.randrange(5)))


def mostly_number(random_):
    return "about 7" if random_.random() < 0.02 else decimal(random_)


def main():
    random_ = random.Random(1)
    path = os.path.join(FOLDER, "golden.csv")
    kinds = {"number": decimal, "text": text, "mostly, number": mostly_number, "nothing": lambda _: "", 'the "last"': text}
    with open(path, "w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(kinds)
        writer.writerows([cell(random_) for cell in kinds.values()] for _ in range(ROWS))
    table = pandas.read_csv(path, float_precision="round_trip", lineterminator=None)
    with open(os.path.join(FOLDER, "golden.txt"), "w", encoding="ascii") as out:
        for name in table.columns:
            out.write(f"column {name.encode().hex()}\n")
            for cell, is_missing in zip(table[name], table[name].isna()):
                if is_missing:
                    out.write("missing\n")
                elif isinstance(cell, str):
                    out.write(f"text {cell.encode().hex()}\n")
                else:
                    out.write(f"number {float(cell).hex()}\n")


if __name__ == "__main__":
    main()
