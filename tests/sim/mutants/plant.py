#!/usr/bin/env python3
"""Plants a bug: writes a copy of one source file with one or more replacements.

    plant.py SPEC ROOT OUTPUT

A spec names its file and why the bug is worth catching, then pairs of texts:

    file: src/acknowledge/ack_ledger.cpp
    why: one line
    seeds: 10000          (only where 2,000 histories are too few)
    <<<<
    text as it stands, exactly once
    ====
    text instead
    >>>>

A text that is not there exactly once is an error: the spec has to follow the code.
"""
import pathlib
import re
import sys


def plant(spec_path, root):
    spec = pathlib.Path(spec_path).read_text()
    file = re.search(r"^file: (.+)$", spec, re.M).group(1)
    text = (root / file).read_text()
    pairs = re.findall(r"^<<<<\n(.*?)^====\n(.*?)^>>>>$", spec, re.M | re.S)
    if not pairs:
        sys.exit(f"{spec_path}: no replacement")
    for old, new in pairs:
        if text.count(old) != 1:
            sys.exit(f"{spec_path}: the text to replace stands {text.count(old)} times in {file}; bring the mutant up to date:\n{old}")
        text = text.replace(old, new)
    return text


if __name__ == "__main__":
    text = plant(sys.argv[1], pathlib.Path(sys.argv[2]))
    output = pathlib.Path(sys.argv[3])
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(text)
