#!/bin/sh
# bench/coroutines.sh [BUILD_DIR]: what coroutines cost and how many fit, beside ucontext and threads, in one run.
set -eu
build=${1:-build}
ninja -C "$build" bench/bench-coroutines >&2
exec "$build/bench/bench-coroutines"
