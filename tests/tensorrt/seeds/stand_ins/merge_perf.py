"""Merges the records of benchmark logs, "#model;milliseconds", into one table: a line per model, a column per log.

Document 000 uses a program of this name from another article, which the document does not print.

usage: merge_perf.py LOG... >TABLE.csv
"""

import pathlib
import sys

heads, rows = [], {}
for column, path in enumerate(sys.argv[1:]):
    for line in pathlib.Path(path).read_text().splitlines():
        if not line.startswith("#"):
            continue
        name, value = line[1:].split(";")
        if name == "head":
            heads.append(value)
        else:
            rows.setdefault(pathlib.PurePath(name).stem, {})[column] = f"{float(value):.2f}"
print(";".join(["Model", *heads]))
for name in sorted(rows):
    print(";".join([name, *(rows[name].get(column, "") for column in range(len(sys.argv) - 1))]))
