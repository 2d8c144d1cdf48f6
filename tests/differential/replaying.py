"""What the tools share that put a line per case before a program of Lamina's: it replays them, and answers with what
does not come out, a line each, and at last with how many it has seen."""

import collections
import os
import subprocess
import sys


def ask(program, arguments=(), text=""):
    """The lines that the program prints; `bazel run` begins where it is."""
    return subprocess.run(["tests/differential/" + program, *arguments], input=text, stdout=subprocess.PIPE, check=True,
                          universal_newlines=True).stdout.splitlines()


def check_known(tool, program, flag, names):
    """Stops unless the program has just these names."""
    other_side = set(" ".join(ask(program, [flag])).split())
    missing = sorted(other_side ^ set(names))
    if missing:
        sys.exit("%s: known to one side only: %s" % (tool, " ".join(missing)))


def write(path, text):
    """Writes to a path that is relative to where the user is."""
    path = os.path.join(os.environ.get("BUILD_WORKING_DIRECTORY", ""), path)
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    print("wrote " + path)


def disagreements(program, cases, unit):
    """How many there are of each name, which a case begins with; prints the first three of each."""
    *bad, last = ask(program, text="\n".join(cases) + "\n")
    assert last == "%s\t%d" % (unit, len(cases)), "the replay ended early"
    by_name = collections.Counter()
    for line in bad:
        number, what = line.split("\t", 1)
        case = cases[int(number)]
        name = case.split("|", 1)[0]
        by_name[name] += 1
        if by_name[name] <= 3:
            print("%s\n    %s" % (case if len(case) < 2000 else case[:2000] + " ...", what))
    return by_name


def summary(by_name):
    return "%d disagreements %s" % (sum(by_name.values()), dict(by_name) if by_name else "")
