# Everything that people run. `make` alone lists the targets.

# How long the demo's cameras send, where its tables go, and a real Kafka instead of the embedded broker. VIDEO: a video, a camera's
# address, a device or a folder of pictures of your own instead of simulated cameras; several, with spaces between.
SECONDS ?= 60
OUT ?= demo-out
BROKERS ?=
VIDEO ?=
# The page's scripts and their tests.
SCRIPTS := src/page/assets/*.js tests/tools/*.mjs
# What `make torture` draws its injections from, and where its report goes.
SEED ?= 7
REPORT ?= target/torture.md

CARGO := cargo
DENY := .setup/cargo-deny/bin/cargo-deny --locked
.DEFAULT_GOAL := help
.PHONY: help demo experiment model test test-training torture bench bench-gpu profile check advisories bless setup setup-test

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

demo: setup ## the whole path on simulated cameras, or on your own: SECONDS=60 OUT=demo-out BROKERS=host:port VIDEO=file-or-address
	@echo "building demograph (minutes the first time, then seconds)"
	@$(CARGO) build --locked
	@$(CARGO) run --quiet --locked -- --log warn $(if $(VIDEO),watch --out $(if $(filter demo-out,$(OUT)),watch-out,$(OUT)) $(VIDEO),\
		demo --seconds $(SECONDS) --out $(OUT) $(if $(BROKERS),--brokers $(BROKERS)))

experiment: setup ## estimated shares against the truth: OUT=dir DATA=faces.zip LABELS=faces.csv
	@test -n "$(DATA)" -a -n "$(LABELS)" || { echo "say DATA=folder-or-zip LABELS=csv"; exit 2; }
	@$(CARGO) run --quiet --release --locked -- --log warn experiment --data $(DATA) --labels $(LABELS) \
		--out $(if $(filter demo-out,$(OUT)),experiment-out,$(OUT)) $(if $(MODEL),--model $(MODEL))

# What the command line sets reaches the script through the environment.
model: setup ## train, measure, write the cards: FAIRFACE="zip csv" UTKFACE="zip csv" START=weights OUT=models CACHE=dir
	@models/train/make-model

test: setup-test ## all tests, against a real Kafka, Prometheus and DuckDB
	$(CARGO) test --locked --workspace

torture: setup-test ## kill, freeze, add instances and broker under load, count every record: SECONDS=240 SEED=7 REPORT=file
	TORTURE_SECONDS=$(SECONDS) SEED=$(SEED) REPORT=$(REPORT) $(CARGO) test --locked --test it -- \
		--exact torture::whatever_dies_every_record_is_counted_exactly_once --nocapture
	@tail -n 1 $(REPORT)

bench: setup-test ## demograph against Python on a real Kafka, three quarters of an hour: BENCH_OPTIONS="--rounds 1 --crops folder"
	@setup/bench-tools
	$(CARGO) build --release --locked
	.setup/bench-venv/bin/python benches/run.py $(BENCH_OPTIONS)

bench-gpu: setup-test ## inference alone, ours from memory, ours from Kafka, on a machine with a GPU: BENCH_OPTIONS="--sessions 4"
	@setup/bench-tools
	$(CARGO) build --release --locked
	.setup/bench-venv/bin/python benches/gpu.py $(BENCH_OPTIONS)

profile: setup-test ## a flame graph of the whole path, docs/profile.svg; needs perf and inferno
	@setup/bench-tools
	$(CARGO) build --release --locked
	.setup/bench-venv/bin/python benches/profile.py

test-training: setup ## the training program from end to end, on composites; fetches PyTorch (5 GB) the first time
	@setup/train-tools
	$(CARGO) build --locked
	$(or $(TRAIN_PYTHON),.setup/train-venv/bin/python) -m unittest discover -v -s models/train/tests

check: setup-test ## formatting, lints, documentation, scripts; licences, sources and duplicates of dependencies
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps --document-private-items --quiet
	$(CARGO) fetch --locked --quiet
	$(DENY) --offline check --hide-inclusion-graph bans licenses sources
	.setup/venv/bin/shellcheck -x .ci/run setup/rust setup/onnxruntime setup/onnxruntime-openvino setup/onnxruntime-gpu setup/system-packages setup/test-tools \
		setup/train-tools setup/bench-tools models/train/make-model
	.setup/js/node_modules/.bin/prettier --config setup/js/prettier.json --check $(SCRIPTS)

advisories: setup-test ## known weaknesses of dependencies; fetches RustSec's database from GitHub
	$(DENY) check --hide-inclusion-graph advisories

bless: setup ## write the derived files in schemas/ anew after an intended change
	DEMOGRAPH_BLESS=1 $(CARGO) test --locked --quiet --workspace --lib schema

setup: ## what building and running need
	@setup/rust
	@setup/system-packages build
	@setup/onnxruntime

setup-test: ## what the tests need besides: Kafka, Prometheus, DuckDB, OpenVINO
	@setup/rust
	@setup/system-packages test
	@setup/onnxruntime
	@setup/onnxruntime-openvino
	@setup/test-tools
