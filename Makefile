# SPDX-License-Identifier: Apache-2.0
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON := .venv/xds/bin/python
DAEMON := .build/debug/navarchd
SWIFT_SOURCES = $(shell git ls-files '*.swift')
# As many tests at once as there are cores: more would starve those that wait for an answer.
AT_ONCE = --experimental-maximum-parallelization-width $(shell nproc)
# Set to yes where the packages are there already, so that nothing is looked up.
NAVARCH_SKIP_SETUP ?=

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what is missing: Debian's packages, Python environments in .venv
	@test -n "$(NAVARCH_SKIP_SETUP)" || config/packages/install
	@Tests/EndToEnd/setup

generate: setup ## Make the generated sources from proto/, where their inputs changed
	@$(PYTHON) proto/generate_envoy.py
	@$(PYTHON) proto/generate_config.py

build: generate ## Build the daemon and the tests' programs
	@$(MAKE) -s -C Tests/Demo/app
	swift build

run: build ## Run the control plane on the bookinfo sample
	@config/samples/run $(DAEMON)

demo: build ## A mesh in a box: bookinfo behind real Envoys, Istio's scenarios
	Tests/Demo/run --navarchd $(DAEMON)

test: build lint ## All tests: unit, end to end, the demo's scenarios, Istio's tasks, load, parity, acceptance
	swift test $(AT_ONCE)
	Tests/KubernetesAPI/run
	Tests/EndToEnd/run --navarchd $(DAEMON)
	Tests/Demo/run --navarchd $(DAEMON)
	Tests/Tasks/run --navarchd $(DAEMON)
	Tests/Load/run --navarchd $(DAEMON) --quiet-seconds 10 --edit-seconds 30 --edits 30 --broken 8
	Tests/EndToEnd/parity --navarchd $(DAEMON)
	Tests/EndToEnd/acceptance --navarchd $(DAEMON) --protocol both

golden: build ## Rewrite the golden files from what is generated now
	UPDATE_GOLDEN=1 swift test --filter Golden

fuzz: generate ## Readers of strangers' bytes under libFuzzer, a minute each: make fuzz [FUZZ="--seconds 600 csr"]
	Tests/Fuzz/run $(FUZZ)

history: build ## A long random history of changes and faults at an API server (part of soak)
	NAVARCH_HISTORY_SEED=random NAVARCH_HISTORY_STEPS=3000 Tests/EndToEnd/run --navarchd $(DAEMON) --only random_history

soak: build history ## The long runs: ADS clients, the simulation, broken requests by the million, load under 1,000 edits
	NAVARCH_SIMULATION_STEPS=1000000 NAVARCH_SIMULATION_SEEDS=10000 swift test --filter SimulationTests
	NAVARCH_MUTATIONS=1000000 swift test --filter 'MutationTests|mutationsAreNeverBelieved'
	Tests/Load/run --navarchd $(DAEMON) --edits 1000 --edit-seconds 600
	NAVARCH_STRESS=full Tests/EndToEnd/run --navarchd $(DAEMON) --only stress. --only warming
	swift build -c release --product navarchd
	swift build -c release --product adsload
	NAVARCH_STRESS=full Tests/EndToEnd/run --navarchd .build/release/navarchd --only stress_load
	NAVARCH_SOAK=1 Tests/EndToEnd/run --navarchd $(DAEMON) --only mtls

bench: generate ## Build for release; measure generation, then the daemon under proxies, beside istiod's figures
	swift build -c release --product shapes
	swift build -c release --product navarchd
	swift build -c release --product adsload
	swift build -c release --product certload
	swift build -c release --product navarchctl
	.build/release/shapes --out .build/shapes.json
	.build/release/shapes --only changes --services 5000 --proxies 2000 --out .build/changes.json
	Tests/Bench/certificates .build/release/navarchd .build/release/navarchctl .build/release/certload
	Tests/Bench/run .build/release/navarchd .build/release/adsload $(BENCH)

adsload: generate ## Simulated proxies against any ADS server: make adsload ADDR=HOST:PORT [BENCH="--pid 1 --proxies 100"]
	swift build -c release --product adsload
	Tests/Bench/run --addr $(ADDR) .build/release/adsload $(BENCH)

# The agent stands beside every workload: what Swift needs is linked into it, and nothing is exported.
AGENT_BUILD := -c release --product navarch-agent --scratch-path .build/agent --static-swift-stdlib \
	-Xlinker --gc-sections -Xlinker --no-export-dynamic

image: generate ## OCI images under .build/image: of the daemon, and of the agent with its Envoy
	@test -n "$(NAVARCH_SKIP_SETUP)" || config/packages/install image
	swift build -c release --product navarchd
	swift build -c release --product navarchctl
	swift build $(AGENT_BUILD)
	config/image/build daemon .build/release
	config/image/build proxy .build/agent/release

format: ## Format the Swift sources
	swift format -i -p $(SWIFT_SOURCES)

lint: ## Check the format and the documentation of the Swift sources
	swift format lint --strict -p $(SWIFT_SOURCES)

clean: ## Remove what was built and generated
	rm -rf .build Sources/CEnvoyAPI/generated Sources/EnvoyAPI/Generated Sources/Configuration/Generated

.PHONY: help setup generate build run demo test golden fuzz history soak bench adsload image format lint clean
