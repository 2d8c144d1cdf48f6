#!/usr/bin/python3
"""Writes the names that the documents of the courses use, one a line:

    tests/courses/course_names.py DOCUMENT... > tests/courses/course_names.txt

They are what the Python in a document defines, with its parameters, attributes and constants, and
what the prose has in backquotes. Local variables are not among them.
"""

import re
import sys

# Python's and other libraries' own, addresses, words of prose, and letters that stand for anything.
NOT_THE_COURSES = set(
    """
    Any M MUGRADE_HW MUGRADE_KEY Moudle N P Paramater True array broadcast com containers def dict e
    environ g git githubusercontent hw1 k lower method object pamameters py python raise self sqrt str
    tuple x_i yield
    """.split()
)

WORD = re.compile(r"[A-Za-z_]\w*")
# Fenced, or a cell of a notebook, which two empty lines end.
CODE = re.compile(r"```\w*\n(.*?)```|^In \[None\]:\n(.*?)(?:\n\n\n|\Z)", re.DOTALL | re.MULTILINE)
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
NAME_OR_CALL = re.compile(r"[\w.]*(\(.*\)|=.*)?")  # no path, no words of prose
DEFINITION = re.compile(r"^ *(?:class|def) (\w+)(?:\(([^)]*)\)|:)", re.MULTILINE)
NAMES = [
    re.compile(r"\.([A-Za-z_]\w*)"),  # an attribute
    re.compile(r"^ *(\w+): [A-Z]", re.MULTILINE),  # an attribute with its type
    re.compile(r"^(\w+) *=[^=]", re.MULTILINE),  # a variable of the module
    re.compile(r"\b(_+[a-z]\w*|[A-Z]+_[A-Z]+)\b"),  # what is private, or a constant
]


def names_of(document):
    names = set()
    for fenced, cell in CODE.findall(document):
        code = fenced or cell
        for name, parameters in DEFINITION.findall(code):
            names.add(name)
            for parameter in re.sub(r"\[[^\]]*\]+", "", parameters).split(","):
                names.update(WORD.findall(parameter)[:1])
        for pattern in NAMES:
            names.update(pattern.findall(code))
    for span in SPAN.findall(document):
        if NAME_OR_CALL.fullmatch(span):
            names.update(WORD.findall(span))
    return names - NOT_THE_COURSES


if __name__ == "__main__":
    found = set()
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8", errors="replace") as file:
            found |= names_of(file.read())
    print("\n".join(sorted(found)))
