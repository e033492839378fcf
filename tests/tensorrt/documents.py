"""Takes the programs out of the documents of ../shared/seeds, as they are printed."""

import pathlib
import re

FENCE = re.compile(r"^( *)(```+)\s*([\w+]*)\s*$")
LIQUID = re.compile(r"^\{%\s*highlight\s+(\w+)\s*%\}$")
NAMED = re.compile(r"\b(?:program|script)s? `([\w.]+)`|[Pp]ython script: ([\w.]+)")


class Block:
    """A piece of code, and the paragraph before it."""

    def __init__(self, language, code, before):
        self.language = language
        self.code = code
        self.before = before

    @property
    def name(self):
        """The file name that the paragraph before gives the code, or ""."""
        found = NAMED.search(self.before)
        return (found[1] or found[2]) if found else ""


class Document:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.text = self.path.read_text(encoding="utf-8")
        self.blocks = list(self._read(self.text.splitlines()))

    @staticmethod
    def _read(lines):
        language, end, indent, code, paragraph, blank = None, None, "", [], [], False
        for line in lines:
            if language is None:
                if found := FENCE.match(line):
                    language, end, code = found[3], re.compile(rf"^ *{found[2]}\s*$"), []
                    indent = found[1]
                elif found := LIQUID.match(line):
                    language, end, code = found[1], re.compile(r"^\{%\s*endhighlight\s*%\}$"), []
                    indent = ""
                elif not line.strip():
                    blank = True
                else:
                    paragraph = [line] if blank else [*paragraph, line]
                    blank = False
            elif end.match(line):
                yield Block(language, "\n".join(code) + "\n", " ".join(paragraph))
                language, paragraph, blank = None, [], False
            else:
                code.append(line.removeprefix(indent))

    def program(self, name):
        """The code of the program or script that the document introduces by this name."""
        for block in self.blocks:
            if block.name == name:
                return block.code
        raise LookupError(f"{self.path.name} has no {name}; it has: {sorted({b.name for b in self.blocks} - {''})}")

    def block_with(self, *texts, last=False):
        """The first (or last) piece of code that has all these texts."""
        found = [b.code for b in self.blocks if all(text in b.code for text in texts)]
        if not found:
            raise LookupError(f"{self.path.name} has no code with {texts}")
        return found[-1 if last else 0]

    def line_with(self, text):
        """A line of the document, stripped."""
        return next(line.strip() for line in self.text.splitlines() if text in line)


def open_document(folder, number):
    found = sorted(pathlib.Path(folder).glob(f"{number:03}_*.txt"))
    return Document(found[0]) if found else None
