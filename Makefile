# Targets for people. Meson and Ninja do the work; ./bootstrap installs them.
BUILD ?= build
PREFIX ?= /usr/local

.PHONY: all setup build program demo test screenshots check bench soak fuzz sim templates kill golden mining providers attacks clients reference install clean help

all: build

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: ## install what is needed (Debian)
	./bootstrap setup

$(BUILD)/build.ninja:
	meson setup $(BUILD) --buildtype=release -Db_ndebug=false >/dev/null

build: $(BUILD)/build.ninja ## build everything: the program, its tests and benchmarks
	@ninja -C $(BUILD) --quiet

program: $(BUILD)/build.ninja ## build the program alone
	@ninja -C $(BUILD) --quiet src/tradewind src/holder/tradewind-holder src/ophost/tradewind-operator-host src/runtime/tradewind-http.so src/server/tradewind-httpd.so src/server/tradewind-rsa.so src/analysis/tradewind-xes.so

demo: program ## run a real pipeline on this machine's package index and say where its report is
	@tools/demo $(BUILD)

test: build ## all tests; ends in one line of counts
	@tools/test $(BUILD)

screenshots: build ## pictures of every view and dialog in LOOKS (pairs; all): BUILD/screenshots/index.html
	@TRADEWIND_UI_LOOKS=$(or $(LOOKS),pairs) tools/ui-test $(BUILD) looks.spec.ts runs.spec.ts acts.spec.ts settings.spec.ts work.spec.ts edges.spec.ts

check: build ## format, lint, boundaries, sanitizers
	@tools/check $(BUILD)

bench: build ## figures beside peers, in one run
	@bench/run $(BUILD)

soak: program ## a scheduler at 50 tasks a second for HOURS (1): slopes of memory, descriptors, latency
	@bench/soak.py $(BUILD) --hours $(or $(HOURS),1)

fuzz: ## every fuzzer for SECONDS each (60); needs clang
	@SECONDS_EACH=$(or $(SECONDS),60) fuzz/run

sim: build ## long simulation: SEEDS seeds (5000)
	@tools/sim $(BUILD) $(SEEDS)

templates: build ## random templates through both engines, SEEDS times 2000 (20)
	@for seed in $$(seq 1 $(or $(SEEDS),20)); do /usr/bin/python3 test/template/random_templates.py $(BUILD)/test/worker/context-render $$seed 2000 || exit 1; done

kill: build ## long version of the kill test
	@python3 test/kill/kill.py --build $(BUILD) --rounds 60

golden: program ## Airflow's own example DAGs, their end states beside genuine Airflow's (slow; a package index)
	@TRADEWIND_BUILD=$(BUILD) test/golden/compare
	@TRADEWIND_BUILD=$(BUILD) test/golden/roundtrip

mining: program ## process mining beside pm4py, on EVENT_LOGS and random logs (a package index)
	@TRADEWIND_BUILD=$(BUILD) python3 test/analysis/compare_pm4py.py

providers: program ## genuine Airflow providers against servers of this machine; needs a package index
	@python3 test/providers/run.py --build $(BUILD)

attacks: program ## requests made from api/openapi.yaml by Schemathesis, EXAMPLES (20) per operation; a package index
	@test/attacks/run.py --build $(BUILD) --examples $(or $(EXAMPLES),20) --seed $(or $(SEED),1)

clients: program ## Airflow's own Python client and airflowctl against the API server; a package index
	@test/api/run.py --build $(BUILD)

reference: ## writes docs/reference/c-api.md from the public headers
	@tools/api-reference >docs/reference/c-api.md

install: build ## install below DESTDIR/PREFIX
	@meson configure $(BUILD) -Dprefix=$(PREFIX)
	@meson install -C $(BUILD) --quiet $(if $(DESTDIR),--destdir $(DESTDIR))

clean:
	rm -rf $(BUILD) build-*
