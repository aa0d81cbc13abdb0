#!/usr/bin/python3
"""The JSON Schema of params beside the jsonschema package: random schemas and values, patterns beside Python's re."""
import json
import os
import random
import re
import subprocess
import sys

ROUNDS = int(os.environ.get("TW_TEST_ROUNDS", "1"))
WORDS = ["", "a", "ab", "abc", "foo", "bar", "a-b", "x1", "2026-01-31", "é", "日本", "10.0.0.1", "a@b"]
PIECES = ["a", "b", "c", "[ab]", "[^a]", ".", r"\d", r"\w", r"\.", "x", "(?:ab|c)", "(a|b)", "ab", r"[a-c\d]", "^", "$", r"\b", "é"]
REPEATS = ["", "", "", "*", "+", "?", "{2}", "{1,2}", "{0,1}", "{2,}", "*?", "+?"]


def pattern(r, depth=0):
    out = "".join(r.choice(PIECES) if r.random() < 0.75 or depth > 2 else "(" + pattern(r, depth + 1) + ")" for _ in range(r.randint(0, 3)))
    parts = []
    for piece in re.findall(r"\((?:[^()]|\([^()]*\))*\)|\[[^\]]*\]|\\.|.", out):
        parts.append(piece if piece in ("^", "$", r"\b") else piece + r.choice(REPEATS))
    text = "".join(parts)
    return text + "|" + pattern(r, depth + 1) if r.random() < 0.2 and depth < 3 else text


def value(r, depth=0):
    kind = r.randint(0, 9 if depth < 3 else 6)
    if kind == 0:
        return None
    if kind == 1:
        return r.random() < 0.5
    if kind in (2, 3):
        return r.choice([0, 1, -1, 2, 3, 5, 10, 100, 7])
    if kind == 4:
        return r.choice([0.5, 1.5, 1.0, -2.5, 3.0, 0.25])
    if kind in (5, 6):
        return r.choice(WORDS)
    if kind in (7,):
        return {r.choice("abcx"): value(r, depth + 1) for _ in range(r.randint(0, 3))}
    return [value(r, depth + 1) for _ in range(r.randint(0, 4))]


def schema(r, depth=0):
    s = {}
    if depth > 3:
        return r.choice([True, {}, {"type": "integer"}])
    if r.random() < 0.04:
        return r.random() < 0.6
    sub = lambda: schema(r, depth + 1)  # noqa: E731
    makers = {
        "type": lambda: r.choice(["null", "boolean", "number", "integer", "string", "array", "object", ["string", "null"], ["integer", "array"]]),
        "enum": lambda: [value(r, 2) for _ in range(r.randint(1, 4))],
        "const": lambda: value(r, 2),
        "minimum": lambda: r.choice([0, 1, -1, 2.5, 10]), "maximum": lambda: r.choice([0, 1, 2.5, 10]),
        "exclusiveMinimum": lambda: r.choice([0, 1, 3]), "exclusiveMaximum": lambda: r.choice([1, 3, 10.0]),
        "multipleOf": lambda: r.choice([1, 2, 0.5, 5, 0.25]),
        "minLength": lambda: r.randint(0, 3), "maxLength": lambda: r.randint(0, 4),
        "pattern": lambda: r.choice(["^a", "b$", "a.c", r"^\d+$", "^(foo|bar)$", "[a-c]{2}", "日"]),
        "format": lambda: r.choice(["date", "ipv4", "nothing", "uuid"]),
        "items": sub, "prefixItems": lambda: [sub() for _ in range(r.randint(1, 2))], "contains": sub,
        "minItems": lambda: r.randint(0, 2), "maxItems": lambda: r.randint(0, 3), "uniqueItems": lambda: r.random() < 0.7,
        "minContains": lambda: r.randint(0, 2), "maxContains": lambda: r.randint(0, 2),
        "properties": lambda: {k: sub() for k in r.sample("abcx", r.randint(0, 3))},
        "patternProperties": lambda: {r.choice(["^a", "[bc]", "x$"]): sub()},
        "additionalProperties": sub, "propertyNames": sub,
        "required": lambda: r.sample("abcx", r.randint(0, 2)), "dependentRequired": lambda: {"a": r.sample("bcx", 1)},
        "minProperties": lambda: r.randint(0, 2), "maxProperties": lambda: r.randint(0, 2),
        "allOf": lambda: [sub() for _ in range(r.randint(1, 2))], "anyOf": lambda: [sub() for _ in range(r.randint(1, 3))],
        "oneOf": lambda: [sub() for _ in range(r.randint(1, 3))], "not": sub,
        "if": sub, "then": sub, "else": sub,
        "$ref": lambda: r.choice(["#/$defs/one", "#/$defs/two"]),
    }
    for word in r.sample(sorted(makers), r.choice([1, 1, 2, 3, 4])):
        s[word] = makers[word]()
    return s


def ask(program, pairs):
    text = "".join(json.dumps(p) + "\n" for p in pairs)
    return subprocess.run([program], input=text, stdout=subprocess.PIPE, text=True, check=True).stdout.split("\n")[:-1]


def compare_schemas(program, seed, n):
    try:
        import jsonschema
    except ImportError:
        print("jsonschema is not installed: skipped")
        return 0
    r = random.Random(seed)
    pairs = []
    for _ in range(n):
        s = schema(r)
        if isinstance(s, dict):
            s["$defs"] = {"one": r.choice([{"type": "integer"}, {"type": "array", "items": {"$ref": "#/$defs/two"}}]),
                          "two": r.choice([{"type": "string"}, {"enum": [1, "a"]}])}
        pairs.append([s, value(r)])
    wrong = 0
    for (s, v), said in zip(pairs, ask(program, pairs)):
        good = jsonschema.Draft202012Validator(s, format_checker=jsonschema.FormatChecker()).is_valid(v)
        if good != (said == "ok") and not (isinstance(v, (list, dict)) and re.search("true|false", json.dumps(v))):
            # (True equals 1 in Python, and jsonschema looks out for that only outside of lists and objects.)
            wrong += 1
            print("jsonschema says %s, we say %s\n  schema %s\n  value %s" % (good, said, json.dumps(s), json.dumps(v)))
    return wrong


def compare_patterns(program, seed, n):
    r = random.Random(seed)
    cases = []
    while len(cases) < n:
        p = pattern(r)
        if re.search(r"[?*+}]\+", p):
            continue  # possessive: Python alone has it
        try:
            compiled = re.compile(p)
        except re.error:
            continue
        text = r.choice(["", "a", "ab", "abab", "b", "aab", "c", "abc", "xab", "é", "a1b2", "ca.b", "bbb"])
        # $ of Python also stands before a last line feed, \d and \w are Unicode: no such texts here.
        cases.append((p, text, re.compile(p, re.ASCII).search(text) is not None if compiled else None))
    wrong = 0
    for (p, text, found), said in zip(cases, ask(program, [[{"pattern": p}, t] for p, t, _ in cases])):
        if found != (said == "ok"):
            wrong += 1
            print("pattern %r in %r: Python %s, we %s" % (p, text, found, said))
    return wrong


if __name__ == "__main__":
    sys.exit(1 if compare_schemas(sys.argv[1], 1, 4000 * ROUNDS) + compare_patterns(sys.argv[1], 2, 6000 * ROUNDS) else 0)
