# Everything that is done to this repository, from a machine with Python 3.11+, make and git.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
RUNNABLE := .venv/.runnable
SOURCES := protos server client training monitoring benchmarks tests deploy

.DEFAULT_GOAL := help
.PHONY: help up install train test unit coverage pictures demo fuzz tools lint style pylint types imports contract docs summary format proto descriptors released kubernetes lock bench bench-quick bench-score bench-retraining soak extremes rehearse control-plane nodes containers clean distclean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

up: $(RUNNABLE) ## Install what runs, fetch the data, train, register and serve, until Ctrl-C
	@exec $(BIN)/housing up

install: $(INSTALLED) ## Install everything into .venv

# Hash-pinned dependencies, then this project in place. uv installs in seconds what takes pip minutes; it is given the
# package index and the certificates that pip is configured for, if any. Locks list all that is needed, so nothing is
# resolved again.
# $(1): the locks
# $(2): further options of uv
define install_locks
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is older than 3.11: make PYTHON=/path/to/a/newer/python3" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/build.txt
	@index=$$($(BIN)/python -m pip config get global.index-url 2>/dev/null) && export UV_DEFAULT_INDEX=$$index; \
		cert=$${PIP_CERT:-$$($(BIN)/python -m pip config get global.cert 2>/dev/null)}; \
		test -z "$$cert" || export SSL_CERT_FILE=$$cert; \
		$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --no-deps $(2) \
			$(addprefix -r ,$(1))
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-build-isolation --no-deps --editable .
endef

$(INSTALLED): pyproject.toml requirements/build.txt requirements/dev.txt
	$(call install_locks,requirements/dev.txt,--compile-bytecode)
	@touch $(RUNNABLE) $@

# What `housing up` runs: the same versions of three quarters of the packages, without what tests, checks and documents.
LOCKS := $(addprefix requirements/,server.txt embedded.txt gateway.txt monitor.txt trainer.txt)
# What it imports, a list for each processor: importing compiles that. To compile all that is installed takes longer than
# the rest of the installation, and most of it is never imported.
IMPORTS_OF_TRAINING := housing_training.stages.train, housing_training.stages.prepare, housing_training.stages.describe
IMPORTS_OF_SERVICE := dvc.repo, mlflow.onnx, mlflow.store.tracking.sqlalchemy_store, housing_training.stages.register, \
	housing_cli.main, housing_server.processes.recorder, housing_monitoring.monitor
$(RUNNABLE): pyproject.toml requirements/build.txt $(LOCKS)
	$(call install_locks,$(LOCKS),)
	@unset PYTHONDONTWRITEBYTECODE; export MLFLOW_DISABLE_TELEMETRY=true; \
		for modules in "$(IMPORTS_OF_TRAINING)" "$(IMPORTS_OF_SERVICE)"; do \
			$(BIN)/python -c "import $$modules" & done; wait
	@touch $@

train: $(INSTALLED) ## Train what is out of date, as `housing train` does; a moment when nothing is
	@$(BIN)/housing train

# Each file of tests stays in one process: its tests share services, and some need what those before them have made.
test: $(INSTALLED) tools train ## Run all tests, in JOBS=2 processes; TESTS=tests/unit picks some
	$(BIN)/pytest -n $(or $(JOBS),2) --dist loadfile --no-loadscope-reorder $(TESTS)

unit: $(INSTALLED) ## Run the unit tests: nothing is trained, and no program but Python is needed
	$(BIN)/pytest -n auto -m "not external" tests/unit

coverage: $(INSTALLED) ## Run the unit tests and list the lines that they do not reach
	$(BIN)/pytest -n auto --cov --cov-report=term-missing:skip-covered -m "not external" tests/unit

pictures: $(INSTALLED) tools train ## Make the documents' screenshots of the pages anew, into docs/images
	PICTURES=yes $(BIN)/pytest tests/e2e/test_pages.py

demo: $(INSTALLED) tools train ## Walk through docs/demo.md for real, and record it anew, into docs/demo
	@benchmarks/tools.sh
	PYTHONPATH=tests $(BIN)/python -m demo.walk

fuzz: $(INSTALLED) ## Try EXAMPLES=100000 requests of any content on every method, and damaged ones through the gateway
	FUZZ_EXAMPLES=$(or $(EXAMPLES),100000) $(BIN)/pytest -q --timeout=0 tests/unit/server/test_fuzzing.py \
		tests/integration/test_json_bodies.py tests/integration/test_envoy_transport.py

tools: ## Install the programs that tests need, where this machine lets us
	@tests/tools.sh

lint: style pylint types imports contract docs ## Check formatting, style, types, contract, import rules and documents; -j2 for two at a time

style: $(INSTALLED)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)

pylint: $(INSTALLED)
	$(BIN)/pylint --recursive=y $(SOURCES)

types: $(INSTALLED)
	$(BIN)/mypy

imports: $(INSTALLED)
	PYTHONPATH=benchmarks $(BIN)/lint-imports

contract: $(INSTALLED)
	$(BIN)/buf lint protos
	$(BIN)/buf build protos --path protos/housing --output .venv/contract.binpb
	$(BIN)/buf breaking .venv/contract.binpb --against protos/released.binpb.gz

docs: $(INSTALLED) ## Build the site of the documents, into site/; a link that leads nowhere is an error
	PYTHONPATH=deploy/site NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

summary: $(INSTALLED) ## Print docs/overview.md on one page, into dist/overview.pdf
	PYTHONPATH=deploy/site $(BIN)/python -m housing_site.summary dist/overview.pdf

format: $(INSTALLED) ## Format the code and mend what can be mended by itself
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

proto: $(INSTALLED) ## Generate the stubs of the contract
	$(BIN)/python protos/generate.py

descriptors: $(INSTALLED) ## Write the contract and its imports as one descriptor set, dist/housing.binpb
	@mkdir -p dist
	$(BIN)/buf build protos --path protos/housing --as-file-descriptor-set --output dist/housing.binpb

released: $(INSTALLED) ## Make today's contract the one that `make lint` compares with; at a release only
	$(BIN)/buf build protos --path protos/housing --exclude-source-info --output protos/released.binpb.gz

kubernetes: $(INSTALLED) ## Write the alert rules into the manifests for Kubernetes
	$(BIN)/python deploy/kubernetes/generate.py

lock: $(INSTALLED) ## Pin what pyproject.toml has gained; LOCK_FLAGS=--upgrade moves every pin
	UV=$(BIN)/uv deploy/scripts/lock.sh $(LOCK_FLAGS)

bench: $(INSTALLED) ## Measure the service and what people would use instead, into benchmarks/results.md
	@benchmarks/tools.sh
	@PYTHONPATH=benchmarks $(BIN)/python -m housing_benchmarks measure --peers --seconds 2 --repeats 3

bench-quick: $(INSTALLED) ## The same without the peers, in about five minutes
	@benchmarks/tools.sh
	@PYTHONPATH=benchmarks $(BIN)/python -m housing_benchmarks measure

bench-retraining: $(INSTALLED) ## Call the service before and during a retraining, into benchmarks/retraining.md; QUICK=--quick tries it
	@PYTHONPATH=benchmarks $(BIN)/python -m housing_benchmarks retraining $(QUICK)

soak: $(INSTALLED) ## Call the service for MINUTES=10 over TRANSPORT=grpc and report growth, into benchmarks/soak.md
	@PYTHONPATH=benchmarks $(BIN)/python -m housing_benchmarks soak --minutes $(or $(MINUTES),10) \
		--transport $(or $(TRANSPORT),grpc)

extremes: $(INSTALLED) ## Send a stream of MESSAGES=200000, open CONNECTIONS=20000, over TRANSPORT=grpc; report what is left
	@HOUSING_GATEWAY_HEAP_MB=$${HOUSING_GATEWAY_HEAP_MB:-512} PYTHONPATH=benchmarks \
		$(BIN)/python -m housing_benchmarks extremes --messages $(or $(MESSAGES),200000) \
		--connections $(or $(CONNECTIONS),20000) --transport $(or $(TRANSPORT),grpc)

bench-score: $(INSTALLED) ## Score ROWS=2000000 rows of a file on this machine and on a Ray cluster of it, with one worker and with two
	@PYTHONPATH=benchmarks $(BIN)/python -m housing_benchmarks score --rows $(or $(ROWS),2000000)

rehearse: $(INSTALLED) ## Restart, kill, freeze and slow down servers behind the gateway, under load: no call may fail
	REHEARSE=1 $(BIN)/pytest -q tests/e2e/test_several_servers.py

control-plane: $(INSTALLED) tools ## Apply the manifests to a control plane of Kubernetes, which this builds, and upgrade, scale and drain
	@tests/kubernetes_tools.sh
	CONTROL_PLANE=1 $(BIN)/pytest -q tests/e2e/test_control_plane.py

nodes: $(INSTALLED) tools train ## As root: run the images of `make containers` on two nodes of Kubernetes; upgrade, scale, kill, drain
	@tests/kubernetes_tools.sh nodes
	@tests/real_nodes.sh

containers: ## Build the images, run the compose file and check that it answers
	deploy/scripts/containers.sh

clean: ## Remove caches and what was built; what was installed, trained, registered and recorded stays
	rm -rf dist site .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find $(SOURCES) -name __pycache__ -prune -exec rm -rf {} +

# What `distclean` removes that no command can make again is named, and is to be confirmed.
define DISTCLEAN
This removes .venv, .tools, the data and the trained models, and from var/ what cannot be made again:
  the registry of models      var/mlflow.db, var/mlartifacts
  answers not yet recorded    var/journal
  the prediction log          var/predictions.db
endef
export DISTCLEAN

distclean: ## Remove all of it too, registry and prediction log included: asks first, or takes CONFIRM=yes
	@if test "$(CONFIRM)" != yes; then \
		echo "$$DISTCLEAN"; \
		test -t 0 || { echo "to remove all this: make distclean CONFIRM=yes" >&2; exit 1; }; \
		printf 'Type yes to remove all this: '; read answer; test "$$answer" = yes; \
	fi
	@$(MAKE) --no-print-directory clean
	rm -rf .venv .tools var .dvc/cache .dvc/tmp data/raw data/processed training/models training/reports training/dvc.lock
