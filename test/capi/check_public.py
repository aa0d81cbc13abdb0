#!/usr/bin/python3
"""check_public SOURCE LIBRARY.so LIBRARY.a: what others see of libtradewind.

The names that it shows are those of symbols.txt, in both forms; the headers compile as C11 and C++17 with all warnings, each alone; the reference is
what the headers say and names every function."""

import os
import re
import subprocess
import sys

source, shared, static = sys.argv[1:]
here = os.path.join(source, "test", "capi")
failures = []


def check(what, ok, words=""):
    if not ok:
        failures.append(what)
        print("FAILED: %s\n%s" % (what, words))


def names(*args):
    out = subprocess.run(["nm", "--defined-only", *args], check=True, capture_output=True, text=True).stdout
    return {line.split()[2] for line in out.split("\n") if len(line.split()) == 3}


with open(os.path.join(here, "symbols.txt")) as f:
    expected = set(f.read().split())
for library, found in ((shared, names("-D", shared)), (static, names("-g", static))):
    check("symbols of %s" % os.path.basename(library), found == expected,
          "too many: %s\nmissing: %s" % (sorted(found - expected), sorted(expected - found)))

version = subprocess.run(["readelf", "-d", shared], check=True, capture_output=True, text=True).stdout
abi = re.search(r"#define TW_ABI_VERSION (\d+)", open(os.path.join(source, "include/tradewind/pipeline.h")).read()).group(1)
check("the soname carries the ABI version", "[libtradewind.so.%s]" % abi in version, version)

for header in ("pipeline.h", "operator.h"):
    for cc, kind in ((["cc", "-std=c11", "-x", "c"], "C11"), (["c++", "-std=c++17", "-x", "c++"], "C++17")):
        text = "#include <tradewind/%s>\n#include <tradewind/%s>\n" % (header, header)
        done = subprocess.run([*cc, "-Wall", "-Wextra", "-pedantic", "-Werror", "-fsyntax-only", "-I", os.path.join(source, "include"), "-"],
                              input=text, capture_output=True, text=True)
        check("%s as %s" % (header, kind), done.returncode == 0, done.stderr)

made = subprocess.run([os.path.join(source, "tools", "api-reference")], check=True, capture_output=True, text=True).stdout
with open(os.path.join(source, "docs/reference/c-api.md")) as f:
    page = f.read()
check("the reference is current (make reference)", made == page)
for name in expected:
    check("the reference names %s" % name, "**`%s`**" % name in page)

print("%d failed" % len(failures))
sys.exit(len(failures) != 0)
