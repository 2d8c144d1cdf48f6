#!/usr/bin/env python3
"""Merges the coverage data of tests into one lcov file.

Stands in for Bazel's CoverageOutputGenerator, a Java program that Bazel would download. Bazel calls it
once per test (--coverage_dir, with gcov's files in it) and once at the end (--reports_file, a list of
the former's results). It writes line coverage of the workspace's own files.
"""

import glob
import gzip
import json
import os
import re
import sys
from collections import defaultdict


def options(argv):
    found = defaultdict(list)
    for arg in argv:
        key, _, value = arg.lstrip("-").partition("=")
        found[key].append(value)
    return found


def input_files(opts):
    for folder in opts["coverage_dir"]:
        for pattern in ("*.gcov.json.gz", "*_cc_coverage.dat"):
            yield from glob.glob(os.path.join(folder, "**", pattern), recursive=True)
    for listing in opts["reports_file"]:
        with open(listing) as lines:
            yield from (line.strip() for line in lines if line.strip())


def counts_in(path):
    """Yields (source file, line number, times executed)."""
    if path.endswith(".json.gz"):
        with gzip.open(path) as data:
            for source in json.load(data)["files"]:
                for line in source["lines"]:
                    yield source["file"], line["line_number"], line["count"]
    elif os.path.exists(path):
        source = None
        with open(path, errors="replace") as lines:
            for line in lines:
                if line.startswith("SF:"):
                    source = line[3:].strip()
                elif line.startswith("DA:") and source:
                    number, count = line[3:].split(",")[:2]
                    yield source, int(number), int(count)


def merge(paths, excluded):
    lines = defaultdict(lambda: defaultdict(int))
    for path in paths:
        for source, number, count in counts_in(path):
            # gcov names a header by the folder that the include prefix made of it.
            source = re.sub(r"^.*/_virtual_includes/[^/]+/lamina/", "", source)
            if os.path.isabs(source) or any(pattern.fullmatch(source) for pattern in excluded):
                continue
            lines[source][number] += count
    return lines


def main():
    opts = options(sys.argv[1:])
    lines = merge(input_files(opts), [re.compile(f) for f in opts["filter_sources"]])
    with open(opts["output_file"][0], "w") as out:
        for source in sorted(lines):
            counts = lines[source]
            out.write(f"SF:{source}\n")
            for number in sorted(counts):
                out.write(f"DA:{number},{counts[number]}\n")
            out.write(f"LH:{sum(c > 0 for c in counts.values())}\nLF:{len(counts)}\nend_of_record\n")


if __name__ == "__main__":
    main()
