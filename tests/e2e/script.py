"""Reads *.test files: directives at the left margin, each with the indented lines below it as its body.

See README.md in this directory for the directives.
"""
import dataclasses
import textwrap


@dataclasses.dataclass
class Step:
    line: int   # where it stands in the file
    word: str   # the directive
    rest: str   # what follows it on its line
    body: str   # the indented lines, dedented


@dataclasses.dataclass
class Script:
    name: str   # file/case
    steps: list


def parse(text, file_name):
    """The scripts of a file: one per `case NAME`. Steps before the first one belong to every case of the file."""
    shared, scripts, current = [], [], None
    for step in steps_of(text):
        if step.word == "case":
            current = Script(f"{file_name}/{step.rest}", list(shared))
            scripts.append(current)
        else:
            (current.steps if current else shared).append(step)
    return scripts or [Script(file_name, shared)]


def steps_of(text):
    lines = text.splitlines()
    index = 0
    while index < len(lines):
        line, number = lines[index], index + 1
        index += 1
        if not line.strip() or line.startswith("#"):
            continue
        if line[0].isspace():
            raise SyntaxError(f"line {number}: an indented line without a directive above it")
        body = []
        while index < len(lines) and (not lines[index].strip() or lines[index][0].isspace()):
            body.append(lines[index])
            index += 1
        word, _, rest = line.partition(" ")
        yield Step(number, word, rest.strip(), textwrap.dedent("\n".join(body)).strip("\n"))
