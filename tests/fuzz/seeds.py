#!/usr/bin/env python3
"""Turns the golden files into seeds:  seeds.py <directory of golden files> <corpus directory>"""
import pathlib
import struct
import sys

MAX_PAYLOAD = 512  # what is longer is one long value, and teaches a fuzzer nothing


def read(path):
    lines = path.read_text().splitlines()
    options = next(line for line in lines if line.startswith("# options: "))
    return "text_columns=" in options, [bytes.fromhex(line[2:]) for line in lines if line.startswith("< ")]


def values(path):
    """The short values of golden/values, numbered by type."""
    number = -1
    for line in path.read_text().split("\n"):
        word, _, rest = line.partition("\t")
        if word == "type":
            number += 1
        elif word == "value":
            text, _, data = rest.rpartition("\t")
            data = None if data == "-" else bytes.fromhex(data)
            if max(len(text.encode()), len(data or b"")) < 256:
                yield number, text.encode(), data


def main(golden, corpus):
    def seed(fuzzer, name, data):
        (corpus / fuzzer).mkdir(parents=True, exist_ok=True)
        (corpus / fuzzer / name).write_bytes(data)

    for path in sorted((golden / "values").glob("*.golden")):
        for count, (number, text, data) in enumerate(values(path)):
            pieces = [(2, text)] + [(3, data)] * (data is not None)
            # Which type a number is stands in fuzz_columns.cpp; any value is a seed for any type.
            seed("fuzz_columns", f"values-{path.stem}-{count}", bytes([number % 48]) + b"".join(bytes([form, len(value)]) + value for form, value in pieces))

    frames = {}
    for path in sorted(golden.glob("*.golden")):
        is_copy, payloads = read(path)
        if is_copy:
            stream = b"".join(payloads)
            for piece_size in (0, 6, 63):
                seed("fuzz_copy", f"{path.stem}-{piece_size}", bytes([5, 0b10010, piece_size]) + stream)
            seed("fuzz_copy", f"{path.stem}-first-row", bytes([5, 0, 8]) + payloads[0] + b"\xff\xff")
            continue
        short = [payload for payload in payloads if len(payload) <= MAX_PAYLOAD]
        seed("fuzz_pgoutput", path.stem, b"".join(struct.pack(">H", len(payload)) + payload for payload in short))
        for payload in short:
            frames.setdefault(payload[:1], payload)
    for tag, payload in frames.items():
        seed("fuzz_frame", f"data-{tag.decode()}", b"w" + struct.pack(">QQq", 0x16B374D848, 0x16B374D848, 848598836084902) + payload)
    for reply in (0, 1):
        seed("fuzz_frame", f"keepalive-{reply}", b"k" + struct.pack(">QqB", 0x16B374D848, 848598836084902, reply))


main(*map(pathlib.Path, sys.argv[1:]))
