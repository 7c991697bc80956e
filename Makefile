# Everything here does its own set-up first; a second set-up takes seconds.
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast model check bench faults soak proof promises golden up down clean

BIN := .tideline/env/main/bin

# Modules are compiled once, and into no folder of sources: else every process here begins by compiling its imports,
# seconds each, wherever the shell asks Python to leave no bytecode behind.
export PYTHONPYCACHEPREFIX := $(CURDIR)/.tideline/bytecode
export PYTHONDONTWRITEBYTECODE :=

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

setup: ## both Python environments and the jars, from the locks
	@./infra/setup/run

demo: setup ## the whole path on a year of real flights; leaves the stack up
	@$(BIN)/tideline demo

test: check test-fast ## checks and every test, those with a stack last
	@$(BIN)/python -m pytest tests/stack --durations=15 --durations-min=5

test-fast: setup ## tests without JVM and network
	@$(BIN)/python -m pytest -n auto --dist worksteal -m "not stack and not bench" --ignore=tests/stack --ignore=tests/bench

model: setup ## 20,000 random histories of the protocol; SEED=n plays the same again
	@$(BIN)/python -m tests.model $(if $(SEED),--seed $(SEED))

check: setup ## ruff, mypy, import contracts
	@$(BIN)/python -m ruff check
	@$(BIN)/python -m ruff format --check
	@$(BIN)/python -m mypy .
	@$(BIN)/lint-imports

proof: setup ## watch claims while batch does all that it ever does beside them
	@$(BIN)/python -m tests.faults.proof

promises: setup ## write into tests/README.md what the last runs of model, soak, proof and faults counted
	@$(BIN)/python -m tests.promises

golden: setup ## write the golden files anew; review the difference
	@$(BIN)/python -m pytest -m "not stack and not bench" --update-golden

bench: setup ## measure the running stack; also to .tideline/bench.json
	@$(BIN)/python -m tests.bench

faults: setup ## break a stack under load again and again, and count; takes hours
	@$(BIN)/python -m tests.faults

soak: setup ## ten minutes of load with a fault every twenty seconds
	@$(BIN)/python -m tests.faults.soak

up: setup ## start the local stack
	@$(BIN)/tideline up

down: ## stop it; its data stays
	@if [ -x $(BIN)/tideline ]; then $(BIN)/tideline down; fi

clean: down ## stop it and remove everything made here, data and environments included
	@rm -rf .tideline
