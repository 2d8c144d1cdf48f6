#!/usr/bin/python3
"""read_csv beside pandas' C reader: MB/s of 1,000,000 rows of 20 columns, one thread each, in turn.

Times are the processor's, so that other programs do not count.

    bazel run -c opt //nn/data:csv_benchmark
    bazel run -c opt //nn/data:csv_benchmark -- --rows=100000 --runs=5

Needs Debian's python3-pandas. The contents have to agree: numbers of missing cells, sums, categories and their codes.
"""

import argparse
import math
import os
import random
import statistics
import subprocess
import tempfile
import time

import pandas

READER = "nn/data/csv_benchmark_reader"


def decimals(places):
    return lambda random_: f"{random_.gauss(0, 100):.{places}f}"


def integer(random_):
    return str(random_.randrange(1000000))


def shortest(random_):
    return repr(random_.random())


def sometimes(cell):
    return lambda random_: "" if random_.random() < 0.1 else cell(random_)


def one_of(texts):
    return lambda random_: random_.choice(texts)


ZONES = [f"Zone_{i}" for i in range(30)]
# What columns hold: "mixed" is what tables of people hold.
KINDS = {
    "mixed": [integer] * 4 + [decimals(2)] * 4 + [decimals(6)] * 4 + [sometimes(decimals(3))] * 2 + [one_of(ZONES)] * 4
    + [one_of(['"Avenue, North"', '"Street"', "NA", "Road"])] * 2,
    "integers": [integer] * 20,
    "six decimals": [decimals(6)] * 20,
    "shortest float64": [shortest] * 20,
    "categories": [one_of(ZONES)] * 20,
}


def write(path, columns, rows):
    random_ = random.Random(1)
    block = [",".join(cell(random_) for cell in columns) for _ in range(min(rows, 20000))]
    with open(path, "w", encoding="ascii") as out:
        out.write(",".join(f"column_{i}" for i in range(len(columns))) + "\n")
        for begin in range(0, rows, len(block)):
            out.write("\n".join(block[: rows - begin]) + "\n")


def with_pandas(path):
    start = time.process_time()
    table = pandas.read_csv(path, engine="c")
    return time.process_time() - start, table


def with_lamina(path):
    lines = subprocess.run([READER, path, "1"], check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return float(lines[0].split()[1]), [line.split() for line in lines[1:]]


def check(table, columns):
    assert len(columns) == len(table.columns)
    for name, column in zip(table.columns, columns):
        cells = table[name]
        if cells.dtype == object:
            codes = cells.astype("category").cat
            assert column == ["categories", str(len(codes.categories)), "codes", str(codes.codes.astype("int64").sum())], name
        else:
            assert column[:2] == ["missing", str(cells.isna().sum())], name
            assert math.isclose(float(column[3]), cells.sum(), rel_tol=1e-9, abs_tol=1e-6), name


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1000000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    print(f"{options.rows:,} rows of 20 columns; medians of {options.runs} runs, processor time; pandas {pandas.__version__}")
    for kind, columns in KINDS.items():
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "table.csv")
            write(path, columns, options.rows)
            size = os.path.getsize(path) / 1e6
            seconds = {"lamina": [], "pandas": []}
            for _ in range(options.runs):
                taken, ours = with_lamina(path)
                seconds["lamina"].append(taken)
                taken, table = with_pandas(path)
                seconds["pandas"].append(taken)
            check(table, ours)
        lamina, theirs = (statistics.median(seconds[who]) for who in ("lamina", "pandas"))
        print(
            f"{kind:18} {size:6.1f} MB  lamina {lamina:6.3f} s {size / lamina:6.1f} MB/s"
            f"  pandas {theirs:6.3f} s {size / theirs:6.1f} MB/s  {theirs / lamina:5.2f} times as fast"
        )


if __name__ == "__main__":
    main()
