# The verbs. `make help` lists them; each is one line, so that it can be run by hand as well.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PRESET ?= dev

setup: ## install what is needed (once; then it only looks)
	@tools/setup
build: setup ## build everything; PRESET=release|asan|tsan|clang
	@tools/build $(PRESET)
test: setup ## everything: layers, format, unit, simulation, end to end, crash, sanitizers, fuzz
	@tools/test
check: setup ## the quick checks: layers, format
	@tools/test layers layers-rules format
asan: setup ## tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@tools/test --build asan
tsan: setup ## tests under ThreadSanitizer
	@tools/test --build tsan
fuzz: setup ## fuzz every parser; SECONDS_EACH=30
	@tools/test --build fuzz --fuzz-seconds $(or $(SECONDS_EACH),30)
torture: setup ## the long runs: crashes and simulated histories until time is up
	@tools/test --torture
bench: setup ## benchmarks, each beside its physical limit
	@tools/build release && bench/run
bench-snowflake: setup ## the way to Snowflake beside its limit; BENCH="--quick --only rest"
	@tools/setup --with sdk && tools/build release luge bench_snowflake_programs && bench/bench_snowflake.py $(BENCH)
bench-service: setup ## luge serve: a scrape of 10,000 tables, 200 idle pipelines, 50 busy ones; BENCH="--only idle"
	@tools/build release luge luge_admin_probe && bench/bench_service.py $(BENCH)
live-snowflake: setup ## the way to a real Snowflake account, named by LUGE_LIVE_* (tests/live/run.py --help)
	@tools/setup --with sdk && tools/build release luge && tests/live/run.py --luge build/release/luge
demo: setup ## a live PostgreSQL, a mirror, a kill -9, and the proof that both sides are equal
	@tools/build release luge && build/release/luge demo
demo-snowflake: setup ## the same to a Snowflake emulator, over REST and through the SDK
	@tools/setup --with emulator --with sdk && tools/build release luge
	@LUGE_PYTHON="$$(tools/setup --where)/sdk-venv/bin/python" build/release/luge demo --emulator emulator/run
demo-service: setup ## luge serve: two pipelines, state in Redis, a console, a webhook that counts down, and the recovery
	@tools/build release luge && "$$(tools/setup --where)/test-venv/bin/python" tools/demo_service.py --luge build/release/luge
emulator: ## the Snowflake emulator on loopback, and the luge.yaml section that connects to it; ARGS="--help"
	@tools/setup --with emulator && emulator/run $(ARGS)
format: ## lay out the changed files (ALL=1: every file)
	@tools/tidy.py format $(if $(ALL),--all)
tidy: setup ## clang-tidy on the changed files (ALL=1: every file)
	@tools/tidy.py tidy $(if $(ALL),--all)
clean: ## remove build/
	@rm -rf build
help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup build test check asan tsan fuzz torture bench bench-snowflake bench-service live-snowflake demo demo-snowflake demo-service emulator format tidy clean help
