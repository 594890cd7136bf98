# What people and CI call. Each target sets up what it needs first; a second time that takes no time.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH):/usr/local/go/bin:/usr/sbin:/sbin
TS := node --disable-warning=ExperimentalWarning

.DEFAULT_GOAL := help
.PHONY: help quickstart setup check test test-long bench bench-quick bench-compare soak console-pictures

help: ## shows this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

quickstart: setup ## sets up, starts a server and runs a program in a gVisor sandbox
	@$(TS) scripts/quickstart.ts

setup: ## makes this machine ready; repeats nothing
	@scripts/setup.sh

check: ## types, lint, format and generated files
	@scripts/setup.sh npm
	npm run check

test: setup ## everything that CI runs (≤ 20 minutes)
	@scripts/setup.sh test-tools
	@vitest run --project unit
	@scripts/test-agent.sh
	@vitest run --project contract --project e2e --project compat --project security --project chaos

test-long: setup ## long chaos, soak and density runs
	ATOLL_TEST_LONG=1 vitest run --project chaos --project security --project contract
	ATOLL_TEST_LONG=1 vitest run --project e2e
	ATOLL_TEST_LONG=1 vitest run --project compat
	cd agent && for fuzz in FuzzGlobs FuzzInotifyEvents FuzzExtract FuzzResolve; do \
	  go test ./internal/file -run '^$$' -fuzz "^$$fuzz\$$" -fuzztime 60s -fuzzminimizetime 1x || exit 1; done

bench: setup ## compares with bare runtimes and Docker on this machine, and tries a crowd and a minute of load
	@scripts/setup.sh bench-tools
	@$(TS) bench/records.ts >/dev/null
	@$(TS) bench/crowd.ts >/dev/null
	@$(TS) bench/sockets.ts >/dev/null
	@$(TS) bench/soak.ts 1 >/dev/null
	$(TS) --external-memory-accounted-in-global-limit bench/run.ts

bench-quick: setup ## three minutes of it
	@scripts/setup.sh bench-tools
	$(TS) --external-memory-accounted-in-global-limit bench/run.ts --quick

bench-compare: setup ## the same scenarios on two commits: make bench-compare BASE=main [ONLY='exec']
	$(TS) bench/compare.ts $(BASE) $(ONLY)

soak: setup ## ten minutes of lives of sandboxes; nothing is left behind, and the server grows no more
	$(TS) bench/soak.ts

console-pictures: setup ## takes the pictures of the console's pages again (docs/console)
	@scripts/setup.sh test-tools
	$(TS) scripts/console-pictures.ts
