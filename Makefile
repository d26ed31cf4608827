# Everything a developer or a CI runs. `make setup` is made by the other targets when it is needed.
# The system's Python where it is new enough, for distributions optimise theirs with a profile: one that was compiled here
# without took a third more time for all that follows.
SYSTEM_PYTHON := /usr/bin/python3
PYTHON ?= $(shell $(SYSTEM_PYTHON) -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $(SYSTEM_PYTHON) || echo python3)
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup
# What the programs alone need is enough for a demonstration, unless the rest is there.
PROGRAMS = $(if $(wildcard $(STAMP)),$(STAMP),$(VENV)/.programs)

SBOM ?= build/sbom.json
# Compiled modules are kept: without them a server loads its own twice as long, and each worker of the tests rewrites all tests.
unexport PYTHONDONTWRITEBYTECODE
# All but `cuda`, which cannot be installed beside them.
LOCKED_EXTRAS := server evaluation papers pkcs11 mqtt ldap postgres otel camera notifier desktop console gateway
DEMO_EXTRAS := server camera notifier console
# How pytest shares the tests among its processes: two for each core of a small machine, for many wait. With three they took a
# sixth more processor time.
# A test that fails is tried once more, and its first failure is shown at the end: that is a fault to be mended, too.
SIDE_BY_SIDE := -n 4 --dist worksteal --reruns 1

.PHONY: msi test-windows settings-page policies law-page help setup demo demo-ports demo-desktop test test-built test-all test-rest test-quick lint house durations mutants walks bench chaos fuzz fuzz-decoder audit sbom release cut verify-build packages packages-test trial bundle image lock clean

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 12

setup: $(if $(DEV),$(STAMP),$(PROGRAMS))  ## Make the virtual environment with the programs (DEV=1: and what tests and checks need)

MADE_OF := pyproject.toml hatch_build.py deploy/fetch.py $(wildcard protos/cekalwatch/v1/*.proto) \
		$(wildcard */cekalwatch/*/locale/*/LC_MESSAGES/*.po)
define environment
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make setup PYTHON=python3.12")'
	@echo 'Step 1 of 3: the virtual environment, $(VENV)'
	@$(PYTHON) -m venv $(VENV)
	@echo 'Step 2 of 3: packages are fetched and installed; the first time this takes minutes'
	@$(BIN)/python deploy/fetch.py $(1)
	@echo 'Step 3 of 3: stubs and texts are made'
	@$(BIN)/python deploy/fetch.py .
	@$(BIN)/python -c 'import cv2' || { echo 'OpenCV needs two system libraries: apt-get install libgl1 libglib2.0-0'; exit 1; }
endef

$(VENV)/.programs: requirements-demo.lock $(MADE_OF)
	$(call environment,requirements-demo.lock)
	@touch $@

$(STAMP): requirements.lock $(MADE_OF)
	$(call environment,requirements.lock)
	@# Each worker that runs the tests would compile them all, and find out which characters texts may have.
	@echo 'The tests are compiled once'
	@$(BIN)/python -m pytest --collect-only --quiet >/dev/null
	@$(BIN)/python -c 'from hypothesis import strategies; strategies.text().validate()'
	@touch $@

demo: $(PROGRAMS)  ## Run the whole chain once: cameras, server, notifier, web console (FACES=DIR for your own faces, KEEP=1 to stay)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m deploy.demo $(if $(FACES),--faces "$(FACES)") $(if $(KEEP),--keep)

demo-ports: $(PROGRAMS)  ## Run a centre and two ports with servers of their own, and cut the lines between them
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m deploy.demo.ports $(if $(FACES),--faces "$(FACES)")

demo-desktop: $(STAMP)  ## Show it on the windows of an officer's PC, and stay until Ctrl-C
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m deploy.demo --desktop $(if $(FACES),--faces "$(FACES)")

test: $(STAMP)  ## Run what a change can break, side by side; ARGS="tests/unit -k order" for a part, one after another
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest $(or $(ARGS),-m "not exhaustive and not built and not wine" $(SIDE_BY_SIDE))

test-built: $(STAMP)  ## Build and install the wheels, make a release and its bill of materials, and look at them
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -m built $(SIDE_BY_SIDE) tests/packaging

test-windows: $(STAMP)  ## Make the installers for Windows, and go through a PC's life with them under Wine (wine, wixl)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -m wine tests/windows

test-rest: $(STAMP)  ## Run the other tests: the exhaustive ones and, as root, packages-test and chaos
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -m exhaustive $(SIDE_BY_SIDE)
	@# A clean machine needs root and mounts of its own; so do the small disks that fill up while a port works.
	@if [ "$$(id -u)" = 0 ] && unshare --mount true; then $(MAKE) packages-test chaos ROUNDS=30 SEED=16; \
		else echo "packages-test and chaos are left out: they need root and mounts of their own"; fi

test-all: test test-built test-windows test-rest  ## Run all tests

test-quick: $(STAMP)  ## Run the tests that take no more than seconds; ARGS as for `test`
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -m "not slow and not exhaustive and not wine" $(or $(ARGS),$(SIDE_BY_SIDE))

lint: $(STAMP)  ## Check style, types, imports and the contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy common server camera_client officer_notifier web_console evaluation extensions tests benchmarks deploy hatch_build.py
	$(BIN)/lint-imports
	cd evaluation && $(abspath $(BIN))/lint-imports
	$(BIN)/buf lint
	$(BIN)/buf format -d --exit-code
	@last=$$($(BIN)/python -m deploy.release.history) && test -n "$$last" || exit 0; \
		echo "buf breaking, against the last release, $$last"; mkdir -p build; \
		git archive --output=build/released-contract.tar "$$last" buf.yaml protos && \
		$(BIN)/buf breaking --against build/released-contract.tar

house: $(STAMP)  ## Count the code, what it repeats and what a change touches; writes build/house.json (ARGS=--budgets, and the budgets)
	$(BIN)/python -m deploy.house $(ARGS)

durations: $(STAMP)  ## Show which tests and folders of tests took longest when they last ran
	$(BIN)/python -m deploy.house.durations

mutants: $(STAMP)  ## Take each defence of docs/threat-model.md out of a copy, and run the tests that notice (ARGS="NAME --all-tests")
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.mutants $(ARGS)

walks: $(STAMP)  ## Go the four walks of docs/architecture.md under a tracer, and write what they pass
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.walks

bench: $(STAMP)  ## Measure; writes benchmarks/results.json and its page
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m benchmarks $(ARGS)

chaos: $(STAMP)  ## Break a running port in every way, and check that nothing is lost (ROUNDS=30 SEED=1 DAY=1)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m benchmarks.chaos --rounds $(or $(ROUNDS),30) \
		$(if $(SEED),--seed $(SEED)) $(if $(DAY),--day $(DAY)) $(ARGS)

fuzz: $(STAMP)  ## Fuzz all that reads what others send, one target after another (SECONDS=300 each)
	for target in $$($(BIN)/python -m tests.fuzz --list); do \
		nice $(BIN)/python -m tests.fuzz $$target --seconds $(or $(SECONDS),300) || exit 1; done

fuzz-decoder: $(STAMP)  ## Fuzz the JPEG decoder of OpenCV's wheel, built with sanitizers (needs clang and cmake; SECONDS=300)
	nice $(BIN)/python -m tests.fuzz.jpeg_decoder $(or $(SECONDS),300)

audit: $(STAMP)  ## Ask the public list of vulnerabilities about the locked packages
	$(BIN)/python .ci/audit.py

sbom: $(STAMP)  ## Write the bill of materials, build/sbom.json (CycloneDX)
	$(BIN)/python -m deploy.release.sbom $(SBOM)

cut: $(STAMP)  ## Prepare the commit of a release (VERSION=0.2.0): version, date, recorded migrations
	$(BIN)/python -m deploy.release.cut "$(or $(VERSION),$(error VERSION is missing: three numbers, as 0.2.0))"

release: $(STAMP)  ## Make a signed release of this commit in dist/ (KEY=FILE, a secret key of minisign)
	$(BIN)/python -m deploy.release --key "$(or $(KEY),$(error KEY=FILE is missing: a secret key of minisign))" --out dist

verify-build: $(STAMP)  ## Build a received release again and compare (RELEASE=FOLDER with it; its commit checked out)
	$(BIN)/python -m deploy.release.verify "$(or $(RELEASE),$(error RELEASE=FOLDER is missing: what you received))"

packages: $(STAMP)  ## Make the Debian packages in build/packages, for the Debian that this runs on
	$(BIN)/python -m deploy.packages

packages-test: $(STAMP)  ## Install, start, upgrade, remove and purge them on clean machines (root, mmdebstrap)
	$(BIN)/python -m deploy.packages --level 3 --out build/packages-test
	CEKALWATCH_PACKAGES="$(CURDIR)/build/packages-test" PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest tests/packaging/debian

bundle: $(STAMP)  ## Make the offline bundle in build/bundle (KEY=FILE to sign it, ARCHIVE_KEY=FILE for apt, WINDOWS=build/msi)
	$(BIN)/python -m deploy.bundle $(if $(KEY),--key "$(KEY)") $(if $(ARCHIVE_KEY),--archive-key "$(ARCHIVE_KEY)") $(if $(WINDOWS),--windows "$(WINDOWS)") $(ARGS)

msi: $(STAMP)  ## Make the installers for Windows in build/msi (PYTHON_ZIP=FILE PYTHON_HASH=SHA256 ROOTS=FILE; CERTIFICATE=FILE CODE_KEY=FILE TIMESTAMP=URL to sign)
	$(BIN)/python -m deploy.windows --python "$(or $(PYTHON_ZIP),$(error PYTHON_ZIP=FILE is missing: docs/windows.md says which))" \
		--python-hash "$(or $(PYTHON_HASH),$(error PYTHON_HASH=SHA256 is missing))" \
		--roots "$(or $(ROOTS),$(error ROOTS=FILE is missing))" \
		$(if $(CERTIFICATE),--certificate "$(CERTIFICATE)" --key "$(CODE_KEY)") $(if $(TIMESTAMP),--timestamp "$(TIMESTAMP)") $(ARGS)

image: $(STAMP)  ## Make the container images of server and console of build/packages (KEY=FILE for a release; root, mmdebstrap, buildah)
	$(BIN)/python -m deploy.container $(if $(KEY),--key "$(KEY)") $(ARGS)

trial: $(STAMP)  ## Go from clean machines to the first alerts, by docs/two-ports.md alone (root, mmdebstrap)
	$(BIN)/python -m deploy.packages --level 3 --out build/packages-test
	CEKALWATCH_TRIAL=full CEKALWATCH_PACKAGES="$(CURDIR)/build/packages-test" PATH="$(CURDIR)/$(BIN):$$PATH" \
		$(BIN)/python -m pytest tests/packaging/debian/test_trial.py

lock: $(STAMP)  ## Renew requirements.lock within the ranges of pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		$(addprefix --extra ,$(LOCKED_EXTRAS)) --group dev --upgrade -o requirements.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		$(addprefix --extra ,$(DEMO_EXTRAS)) --group demo --constraint requirements.lock -o requirements-demo.lock pyproject.toml

settings-page: $(STAMP)  ## Renew docs/settings.md from the descriptions of the settings
	$(BIN)/python -m deploy.settings_page > docs/settings.md

policies: $(STAMP)  ## Renew the templates of Windows' policies from the descriptions of the settings
	$(BIN)/python -m deploy.policies

law-page: $(STAMP)  ## Renew docs/law.md from the table of the law
	$(BIN)/python -m deploy.law_page > docs/law.md

clean:  ## Remove what the targets made
	rm -rf $(VENV) build dist
	find protos -name '*_pb2*' -delete
	find common server camera_client officer_notifier web_console -name '*.mo' -delete
