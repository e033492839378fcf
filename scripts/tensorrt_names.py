"""What scripts/tensorrt_compatibility reads: the names of TensorRT's interface here, and who uses them.

C++ names come from include/tensorrt, Python names from the sources of the module (python/tensorrt_bindings and
python/tensorrt), uses from tests, examples and tools. All of it is text: nothing has to be built.
"""

import ast
import functools
import pathlib
import re
from dataclasses import dataclass, field

ROOT = pathlib.Path(__file__).resolve().parent.parent
HEADERS = ROOT / "include" / "tensorrt"
BINDINGS = ROOT / "python" / "tensorrt_bindings"
PACKAGE = ROOT / "python" / "tensorrt"
USERS = ["tests/tensorrt", "tests/python", "tests/torch", "examples/tensorrt", "tools/trtexec"]
NAMESPACES = {"nvinfer1", "nvonnxparser", "nvcaffeparser1", "nvuffparser", "impl", "plugin", "utils", "consistency"}
KEYWORDS = {"if", "for", "while", "switch", "return", "sizeof", "static_assert", "defined", "noexcept", "alignas",
            "decltype", "operator", "template", "constexpr", "__attribute__", "EnumMax", "visibility", "NV_NOEXCEPT",
            "TRTNOEXCEPT"}  # fmt: skip

OPENING = re.compile(
    r"\b(enum class|enum|class|struct|namespace|union)\s+(?:\w+\(\w+\)\s+)?(\w+)(?:\s+final)?\s*(:[^;()]*)?\{"
)
ENUMERATOR = r"\b(k[A-Z]\w*)\b\s*(?:=|,|\}|$)"
NOT_YET = re.compile(r"[^.]*\b(?:not there yet|not yet)\b[^.]*\.?", re.IGNORECASE)
ACCEPTED = re.compile(r"[^.]*\baccepted\b[^.]*\.?", re.IGNORECASE)
# A sentence over a class that speaks of all that is in it.
OF_ALL = re.compile(r"(?:Accepted|Not there yet)\b[^.]*\.?")


@dataclass
class Name:
    """One name: `owner` is its class ("" for free ones), `comment` what stands above it."""

    owner: str
    name: str
    comment: str = ""
    returns: str = ""  # the class that a C++ method gives a pointer to
    bound: list = field(default_factory=list)  # the C++ methods behind a Python name

    def state(self):
        if NOT_YET.search(self.comment):
            return "not yet"
        return "accepted" if ACCEPTED.search(self.comment) else "works"

    def reason(self):
        sentence = NOT_YET.search(self.comment) or ACCEPTED.search(self.comment)
        return sentence[0].strip() if sentence else ""


def of_all(comment):
    """The sentence of a class's comment that holds for its members too."""
    return " ".join(OF_ALL.findall(comment))


class Header:
    """The names a header declares. Knows just the layout that clang-format gives these headers."""

    def __init__(self, text):
        self.names, self.bases, self.scopes = [], {}, []
        statement, comment = "", []
        for raw in text.splitlines():
            line = raw.strip()
            if line.startswith("///"):
                comment.append(line.lstrip("/ ").rstrip())
                continue
            line = re.sub(r"//.*", "", line).strip()
            if line.startswith("#"):
                if macro := re.match(r"#\s*define\s+((?:NV|REGISTER)_\w+)", line):
                    self.names.append(Name("", macro[1]))
                continue
            if not line:
                comment = comment if statement else []
                continue
            statement += " " + line
            in_enum = bool(self.scopes) and self.scopes[-1][1] == "enum"
            if not in_enum and not re.search(r"[;{}]$|^(public|private|protected):$", line):
                continue
            self.take(statement, " ".join(comment))
            statement, comment = "", []

    def take(self, statement, said):
        """Takes one statement with the comment above it."""
        owner, above = next(((s[0], s[2]) for s in reversed(self.scopes) if s[1] in ("class", "enum")), ("", ""))
        opened = OPENING.search(statement)
        if not any(s[1] == "body" for s in self.scopes):
            self.declare(statement, said, owner, above, opened)
        opens, closes = statement.count("{"), statement.count("}")
        if opens > closes:
            kind = "body"
            if opened:
                kind = {"namespace": "namespace"}.get(opened[1], "enum" if opened[1].startswith("enum") else "class")
            elif re.search(r'extern\s+"C"|\bnamespace\b', statement):
                kind = "namespace"
            self.scopes += [(opened[2] if opened else "", kind, said)] * (opens - closes)
        elif closes > opens:
            del self.scopes[len(self.scopes) - min(len(self.scopes), closes - opens) :]

    def declare(self, statement, said, owner, above, opened):
        add = self.names.append
        if self.scopes and self.scopes[-1][1] == "enum":
            for enumerator in re.findall(ENUMERATOR, statement):
                add(Name(owner, enumerator, said or of_all(above)))
        elif opened and opened[1] != "namespace":
            full = f"{owner}::{opened[2]}" if owner else opened[2]
            add(Name(owner, opened[2], said))
            self.bases.setdefault(opened[2], re.findall(r"\b([A-Z]\w+)\b", opened[3] or ""))
            if full != opened[2]:
                add(Name("", full, said))
            if opened[1].startswith("enum"):
                for enumerator in re.findall(ENUMERATOR, statement[opened.end() :]):
                    add(Name(opened[2], enumerator, of_all(said)))
        elif alias := re.search(r"\busing\s+(\w+)\s*=\s*(?:\w+::)*(\w+)", statement):
            add(Name(owner, alias[1], said))
            self.bases.setdefault(alias[1], []).append(alias[2])
        elif called := next(
            (c for c in re.finditer(r"(~?\b[A-Za-z_]\w*)\s*\(", statement) if c[1] not in KEYWORDS), None
        ):
            if called[1] != owner and not called[1].startswith("~"):
                before = re.search(r"\b(\w+)\s*(?:const\s*)?[*&]\s*$", statement[: called.start()])
                add(Name(owner, called[1], f"{said} {of_all(above)}", before[1] if before else ""))
        elif variable := re.search(r"\b(\w+)(?:\[[\w:]*\])?(?:\s*(?:=[^;]*|\{[^;]*\}))?;$", statement):
            if self.scopes and self.scopes[-1][1] == "class":
                add(Name(owner, variable[1], said))


def unique(names):
    """One of each (owner, name): the one that says most, so a remark on any overload counts."""
    found = {}
    for n in names:
        key = (n.owner, n.name)
        if key not in found or (found[key].state() == "works" and n.state() != "works"):
            found[key] = n
    return [n for n in found.values() if n.name not in NAMESPACES]


@functools.cache
def cpp_names():
    """(the names of the headers, the bases of each class)"""
    headers = [Header(path.read_text(encoding="utf-8")) for path in sorted(HEADERS.glob("*.h"))]
    bases = {}
    for header in headers:
        for name, above in header.bases.items():
            bases.setdefault(name, [])
            bases[name] += [b for b in above if b != name]
    return unique(n for header in headers for n in header.names), bases


def ancestors(name, bases):
    found = [name]
    for one in found:
        found += [b for b in bases.get(one, []) if b not in found]
    return found


# ---- Python ----

CLASS = re.compile(r'(?:nb::class_|LayerClass)<([^;"()]*?)>\s*(\w*)\s*\(\s*m,\s*(?:"(\w+)"|name)')
ENUM = re.compile(r'enumeration<([\w:]+)>\(\s*(\w+),\s*"(\w+)",')
RAW_ENUM = re.compile(r'nb::enum_<(\w+)>\s*\w+\(m, "(\w+)"')
FUNCTION = re.compile(r"^(?:template <[^\n]*>\n)?(?:static )?void (bind_\w+)\(([^)]*)\)\s*\{", re.MULTILINE)
MEMBER = re.compile(
    r"(?:\b(\w+)\s*)?"
    r'(?:\.\s*(def|def_prop_rw|def_prop_ro|def_rw|def_ro|def_prop_ro_static|def_static)\(\s*("\w+"|name)'
    r'|PROPERTY\(\s*\w+,\s*("\w+"),\s*(\w+)\)'
    r'|\.attr\(("\w+"|name)\)\s*='
    r'|(?:weights_property<[\w:]+>|creator_property<\w+>|by_index_or_name)\(\s*(\w+),\s*"(\w+)"'
    r'|\bmethod\(\s*("\w+"))'
)
# Methods that are added to a class of another file.
SCOPE = re.compile(r'm\.attr\("(\w+)"\);')
LOOP = re.compile(r"for \(const char\* name : \{([^}]*)\}\)")


def balanced(text, start):
    """The end of what the bracket at `start` opens."""
    depth = 0
    for token in re.finditer(r'"(?:\\.|[^"\\])*"|[(\[{]|[)\]}]', text[start:]):
        depth += (token[0] in "([{") - (token[0] in ")]}")
        if depth == 0:
            return start + token.end()
    return len(text)


class Bindings:
    """The names that the sources of the extension module bind, class by class."""

    def __init__(self):
        self.names, self.bases, self.cpp_class = [], {}, {}
        for path in sorted(BINDINGS.glob("*.cc")):
            self.read(re.sub(r"(?<!:)//.*", "", path.read_text(encoding="utf-8")))

    def read(self, text):
        aliases = {a: c.split("::")[-1] for a, c in re.findall(r"using (\w+) = ([\w:]+);", text)}
        self.aliases, self.text = aliases, text
        starts = [*FUNCTION.finditer(text)]
        bodies = {m[1]: text[m.end() - 1 : balanced(text, m.end() - 1)] for m in starts}
        for name, body in bodies.items():
            self.function(name, body, text, {})

    def function(self, name, body, text, variables):
        """One bind_...(m, ...) function; a template is read once for each class it is called with."""
        if re.search(r"\(m, name\)", body):
            for given, python in re.findall(rf'\b{name}<(\w+)>\(m, "(\w+)"\)', text):
                self.members(body.replace("Layer::", given + "::"), given, python, variables)
        else:
            self.members(body, "", "", variables)
            for called, variable in re.findall(r"\b(\w+)(?:<\w+>)?\((\w+)\);", body):
                start = re.search(rf"void {called}\((?:nb::class_<|Class& )", text)
                if start and variable in variables:
                    opening = text.index("{", text.index(")", start.end()))
                    part = text[opening : balanced(text, opening)]
                    parameter = re.search(r"(\w+)\)$", text[start.end() : opening].strip())[1]
                    self.members(part, "", "", {parameter: variables[variable]})

    def members(self, body, given, python, variables):
        current, loop = "", (0, [])
        events = sorted(
            [m for pattern in (CLASS, ENUM, RAW_ENUM, SCOPE, MEMBER, LOOP) for m in pattern.finditer(body)],
            key=lambda m: m.start(),
        )
        for event in events:
            if event.re is CLASS:
                parts = [self.plain(p) for p in event[1].split(",")]
                current = event[3] or python
                self.cpp_class[current] = given or parts[0]
                self.bases[current] = [self.python_class(p) for p in parts[1:] if not p.startswith("Py")]
                self.names.append(Name("", current, bound=[("", self.cpp_class[current])]))
                if event[2]:
                    variables[event[2]] = current
            elif event.re is ENUM:
                end = balanced(body, body.index("(", event.start()))
                owner = "ILogger" if event[3] == "Severity" else ""
                cpp = self.plain(event[1])
                self.names.append(Name(owner, event[3], bound=[("", cpp)]))
                for row in re.findall(r'ROW\(\w+,\s*(\w+)\)|\{"(\w+)"', body[event.start() : end]):
                    member = row[0] or row[1]
                    self.names.append(Name(event[3], member, bound=[(cpp, "k" + member)]))
            elif event.re is RAW_ENUM:
                cpp = self.plain(event[1])
                self.names.append(Name("", event[2], bound=[("", cpp)]))
                for member in dict.fromkeys(re.findall(rf"\b{cpp}::k(\w+)", self.text)):
                    self.names.append(Name(event[2], member, bound=[(cpp, "k" + member)]))
            elif event.re is SCOPE:
                current = event[1]
            elif event.re is LOOP:
                block = body[event.end() :].lstrip()
                end = event.end() + 400 if not block.startswith("{") else balanced(body, body.index("{", event.end()))
                loop = (end, re.findall(r"\w+", event[1]))
            else:
                current = self.member(event, body, current, variables, loop)

    def member(self, event, body, current, variables, loop):
        receiver = event[7] or event[1]
        if receiver in variables or receiver == "m":
            current = variables.get(receiver, "")
        if receiver != "m" and not current:
            return current
        quoted = event[3] or event[4] or event[6] or event[9] or f'"{event[8]}"'
        names = [quoted.strip('"')] if quoted.startswith('"') else loop[1] if event.start() < loop[0] else []
        if event[5]:
            called = [f"get{event[5]}", f"set{event[5]}"]
        else:
            opening = body.index("(", event.start())
            part = body[opening : balanced(body, opening)]
            called = re.findall(r"&\w+::(\w+)\b|(?:\.|->|\.\*)(\w+)\(", part)
            called = [a or b for a, b in called]
        owner = self.cpp_class.get(current, "")
        only = re.search(r"is_same_v<Layer, (\w+)>\)[^;]*$", body[: event.start()])
        if not only or only[1] == owner:
            self.names += [Name(current, name, bound=[(owner, c) for c in called]) for name in names]
        return current

    def plain(self, name):
        name = name.strip().split("::")[-1]
        return self.aliases.get(name, name)

    def python_class(self, cpp):
        cpp = self.plain(cpp)
        return next((p for p, c in self.cpp_class.items() if c == cpp), cpp)


def package_names():
    """(the names that the Python files of the package define, {alias or class: the names behind it})"""
    found, behind = [], {}
    for path in sorted(PACKAGE.rglob("*.py")):
        face = path.stem == "__init__"  # what it assigns, defines and imports is the package's
        inside = path.parent.name if path.parent != PACKAGE else ""
        if face and inside:
            found.append(Name("", inside))
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in [*tree.body, *(s for choice in tree.body if isinstance(choice, ast.If) for s in choice.body)]:
            if isinstance(node, ast.ClassDef):
                behind[node.name] = [ast.unparse(base).split(".")[-1] for base in node.bases]
                found += [Name(node.name, item.name) for item in node.body if isinstance(item, ast.FunctionDef)]
                found += [Name(node.name, name) for item in node.body for name in assigned(item)]
            elif face and isinstance(node, ast.ImportFrom) and node.level:
                found += [Name(inside, a.asname or a.name) for a in node.names if a.name != "*"]
            elif face and isinstance(node, ast.FunctionDef):
                found.append(Name(inside, node.name))
            elif face:
                found += [Name(inside, name) for name in assigned(node)]
                if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
                    behind |= {name: [node.value.id] for name in assigned(node)}
    return found, behind


def assigned(node):
    """The names that an assignment gives a value."""
    targets = node.targets if isinstance(node, ast.Assign) else []
    return [t.id for target in targets for t in getattr(target, "elts", [target]) if isinstance(t, ast.Name)]


@functools.cache
def python_names():
    """(the names of the module tensorrt, the bases of each class); remarks are those of the C++ names behind them."""
    bindings = Bindings()
    package, aliases = package_names()
    cpp, cpp_bases = cpp_names()
    known = {(n.owner, n.name): n for n in cpp}
    shown = {}
    for n in [*bindings.names, *package]:
        if n.name.startswith("_") and n.name not in ("__version__", "__getitem__"):
            continue
        kept = shown.setdefault((n.owner, n.name), n)
        kept.bound = [*kept.bound, *(b for b in n.bound if b not in kept.bound)]
    for n in shown.values():
        for owner, name in n.bound:
            for above in ancestors(owner, cpp_bases):
                behind = known.get((above, name))
                if behind and behind.state() != "works":
                    n.comment = n.comment or behind.comment
    return list(shown.values()), bindings.bases | aliases


# ---- Uses ----


def with_classes(tried):
    """A class is used where one of its members is."""
    return tried | {("", owner) for owner, _ in tried}


class Uses:
    """Which names tests, examples and tools use together with their owners, as far as text tells."""

    def __init__(self):
        self.python, self.cpp = [], []
        for folder in USERS:
            for path in sorted((ROOT / folder).rglob("*")):
                if path.is_file() and path.suffix in {".cc", ".cpp", ".h"}:
                    self.cpp.append(self.read_cpp(path))
                elif path.is_file() and path.suffix == ".py":
                    self.python.append(self.read_python(path))

    @staticmethod
    def read_cpp(path):
        text = re.sub(r"//.*", "", path.read_text(encoding="utf-8", errors="replace"))
        aliases = dict(re.findall(r"using (\w+) = (?:\w+::)*(\w+);", text))
        qualified = {(aliases.get(a, a), b) for a, b in re.findall(r"\b(\w+)::(?=(\w+))", text)}
        qualified |= {(a, "using") for a in re.findall(r"using enum (?:\w+::)*(\w+)", text)}
        shared = "".join(
            (ROOT / "tests" / h).read_text(encoding="utf-8")
            for h in re.findall(r'#include "(tensorrt/\w+\.h)"', text)
            if (ROOT / "tests" / h).exists()
        )
        return {
            "words": set(re.findall(r"\w+", text + shared)),
            "own": set(re.findall(r"\w+", text)),
            "members": set(re.findall(r"(?:\.|->)\s*(\w+)", text)),
            "overrides": set(re.findall(r"\b(\w+)\([^;{}]*\)[^;{}]*\boverride\b", text)),
            "qualified": qualified,
        }

    @staticmethod
    def read_python(path):
        text = path.read_text(encoding="utf-8", errors="replace")
        found = {"members": set(), "qualified": set(), "overrides": set(), "words": set(re.findall(r"\w+", text))}
        try:
            tree = ast.parse(text)
        except SyntaxError:
            return found
        imported = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                imported |= {a.asname: a.name.split(".")[-1] for a in node.names if a.asname}
            elif isinstance(node, ast.Attribute):
                value = node.value
                last = value.attr if isinstance(value, ast.Attribute) else getattr(value, "id", "")
                last = imported.get(last, last)
                found["qualified"].add((last, node.attr))
                found["members"].add(node.attr)
            elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "tensorrt":
                found["qualified"] |= {(node.module.split(".")[-1], a.name) for a in node.names}
            elif isinstance(node, ast.Subscript):
                found["members"].add("__getitem__")
            elif isinstance(node, ast.ClassDef):
                bases = [ast.unparse(b).split(".")[-1] for b in node.bases]
                here = [i.name for i in node.body if isinstance(i, ast.FunctionDef)]
                here += [t.id for i in node.body if isinstance(i, ast.Assign) for t in i.targets if hasattr(t, "id")]
                here += [a.attr for a in ast.walk(node) if isinstance(a, ast.Attribute)
                         and isinstance(a.ctx, ast.Store) and getattr(a.value, "id", "") == "self"]  # fmt: skip
                found["overrides"] |= {(b, n) for b in bases for n in here}
        return found

    def cpp_tried(self, names, bases):
        """The (owner, name) of C++ that are used."""
        owners = {}
        makers = {}
        for n in names:
            owners.setdefault(n.name, set()).add(n.owner)
            makers.setdefault(n.returns, set()).add(n.name)
        family = {n.owner: {c for c in bases if n.owner in ancestors(c, bases)} | {n.owner} for n in names}

        def seen(owner, file):
            return any(c in file["words"] or makers.get(c, set()) & file["words"] for c in family[owner])

        def tried(n):
            short = n.name.split("::")[-1]
            if not n.owner:
                return any(short in f["own"] or makers.get(short, set()) & f["members"] for f in self.cpp)
            if re.match(r"k[A-Z]", n.name):
                return any(
                    (n.owner, n.name) in f["qualified"] or ((n.owner, "using") in f["qualified"] and n.name in f["own"])
                    for f in self.cpp
                ) or any((n.owner, n.name[1:]) in f["qualified"] for f in self.python)
            return any(
                any((c, n.name) in f["qualified"] for c in family[n.owner])
                or (n.name in f["members"] | f["overrides"] and (len(owners[n.name]) == 1 or seen(n.owner, f)))
                for f in self.cpp
            )

        return with_classes({(n.owner, n.name) for n in names if tried(n)})

    def python_tried(self, names, bases):
        """The (owner, name) of the module tensorrt that are used."""
        enums = {n.owner for n in names if n.bound and n.bound[0][1] == "k" + n.name}
        owners = {}
        for n in names:
            owners.setdefault(n.name, set()).add(n.owner)
        below = {}
        for n in names:
            below.setdefault(n.owner, {c for c in bases if n.owner in ancestors(c, bases)} | {n.owner})

        def tried(n):
            modules = {"trt", "tensorrt", "core"}
            if not n.owner or n.owner[0].islower():
                modules |= {n.owner}
                return any((m, n.name) in f["qualified"] for f in self.python for m in modules if m)
            if any((c, n.name) in f["qualified"] | f["overrides"] for f in self.python for c in below[n.owner]):
                return True
            if n.owner in enums or n.owner == "Severity":
                return n.owner == "Severity" and any(("Logger", n.name) in f["qualified"] for f in self.python)
            return any(n.name in f["members"] and self.near(n, owners, f) for f in self.python)

        return with_classes({(n.owner, n.name) for n in names if tried(n)})

    @staticmethod
    def near(name, owners, file):
        """Whether a file that uses a member's name has to do with its class: only asked where several have it."""
        if len(owners[name.name]) == 1:
            return True
        makers = {
            "ILayer": "add_", "ITensor": "get_output", "INetworkDefinition": "create_network", "ICudaEngine": "engine",
            "IExecutionContext": "create_execution_context", "IBuilderConfig": "create_builder_config",
            "IOptimizationProfile": "create_optimization_profile", "ITimingCache": "create_timing_cache",
            "IHostMemory": "build_serialized_network", "EngineInspector": "create_engine_inspector",
            "ParserError": "get_error", "IPluginRegistry": "get_plugin_registry", "ILoop": "add_loop",
            "IIfConditional": "add_if_conditional",
        }  # fmt: skip
        made = re.sub(r"^I(?=[A-Z])|Layer$|_", "", name.owner).lower()
        plain = {word.replace("_", "").lower() for word in file["words"]}
        maker = makers.get(name.owner, "")
        return (
            name.owner in file["words"]
            or bool({f"add{made}", f"add{made}nd"} & plain)
            or any(w == maker or (maker.endswith("_") and w.startswith(maker)) for w in file["words"] if maker)
        )
