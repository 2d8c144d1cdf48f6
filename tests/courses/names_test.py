#!/usr/bin/python3
"""Each name that the tables of docs/courses.md call Lamina's is used by the tests of this folder, which compile; and
each name of the courses is in these tables.

Such a table has the columns Course, Lamina and Header. Of the code in the first two every word counts.
"""

import re
import sys
import unittest

PAGE = "docs/courses.md"
FOLDER = "tests/courses"
CODE = re.compile("`([^`]+)`")
NOT_CODE = re.compile(r'"(?:[^"\\\n]|\\.)*"|//[^\n]*|/\*.*?\*/', re.DOTALL)  # texts and comments
WORD = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")


def rows():
    """The cells of the rows of such tables."""
    in_table = False
    with open(PAGE, encoding="utf-8") as page:
        for line in page:
            cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
            if cells == ["Course", "Lamina", "Header"]:
                in_table = True
            elif not line.startswith("|"):
                in_table = False
            elif in_table and not line.startswith("|--"):
                yield cells


class NamesTest(unittest.TestCase):
    def test_names_are_used(self):
        used = set()
        for source in SOURCES:
            with open(f"{FOLDER}/{source}", encoding="utf-8") as file:
                used.update(WORD.findall(NOT_CODE.sub("", file.read())))
        count = 0
        for course, ours, *_ in rows():
            for code in CODE.findall(ours):
                for word in WORD.findall(NOT_CODE.sub("", code)):
                    count += 1
                    self.assertTrue(word in used, f"{word} of {code!r}, in the row of {course}, is not used")
        self.assertGreater(count, 200)

    def test_names_of_the_courses_are_told(self):
        with open(f"{FOLDER}/course_names.txt", encoding="utf-8") as file:  # course_names.py writes it
            names = file.read().split()
        told = {word for course, *_ in rows() for code in CODE.findall(course) for word in WORD.findall(code)}
        self.assertEqual([name for name in names if name not in told], [])
        self.assertGreater(len(names), 200)

    def test_rows_have_three_columns(self):
        for cells in rows():
            self.assertEqual(len(cells), 3, cells)


if __name__ == "__main__":
    SOURCES = sys.argv[1:]
    unittest.main(argv=sys.argv[:1])
