# Two commands are enough: `make demo` and `make test`. Both set up what they need, without root.
# `make` alone lists the rest.
SHELL := /bin/bash
PYTHON := .venv/bin/python
PYTEST := $(PYTHON) -m pytest -q
PRODUCTION := env -u DATABASE_URL TRIPTYCH_TLS=1 TRIPTYCH_HOSTS=triptych.example \
	TRIPTYCH_ORIGINS=https://triptych.example \
	TRIPTYCH_EMAIL_BACKEND=django.core.mail.backends.smtp.EmailBackend
# A folder of their own for the checks, so that they never touch a study.
CHECKING := TRIPTYCH_DATA_DIR=$(CURDIR)/build/check-data
# Each demo has a folder and an SQLite file of its own, whatever the site on your data uses.
DEMO := env -u DATABASE_URL -u CELERY_BROKER_URL -u TRIPTYCH_BROKER_URL TRIPTYCH_DATA_DIR
DEMO_OPTIONS = --started $(STARTED) $(if $(PORT),--port $(PORT)) $(if $(ONCE),--once)
WORLD_RUN = build/reference-world-$(or $(SEED),0)
QUICK := not slow and not server and not browser
STARTED := $(shell date +%s)
# Compiled modules are kept: else each of the many processes that tests start compiles all it imports,
# which is seconds. Images of Python often forbid it for the sake of their size.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo demo-light up test test-fast test-slow test-brokers test-latex check bench clean base dev generation chromium \
	parity-aggregation parity-crowd-kit parity-imagereward reference-report reference-world

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' \
		| expand -t 20
	@echo "  (PORT=8080 chooses the port of demo and up; ONCE=1 ends a demo after its report)"

demo: ## pictures by trained models, judged by programs, reported; and a study for you to judge
	@.ci/setup generation || { echo "Without torch, in two minutes: make demo-light" >&2; exit 1; }
	@exec $(DEMO)=$(or $(TRIPTYCH_DATA_DIR),$(CURDIR)/data/demo) $(PYTHON) manage.py demo $(DEMO_OPTIONS)

demo-light: base ## the same site with drawn scenes, without torch
	@exec $(DEMO)=$(or $(TRIPTYCH_DATA_DIR),$(CURDIR)/data/demo-light) $(PYTHON) manage.py demo_light $(DEMO_OPTIONS)

up: base ## the site on your own data (TRIPTYCH_DATA_DIR, else ./data)
	@exec $(PYTHON) manage.py up $(if $(PORT),--port $(PORT))

test: dev generation chromium ## every test but the slow ones, on SQLite and on PostgreSQL (15 minutes)
	TRIPTYCH_TEST_DATABASE=sqlite $(PYTEST) -n 2 --no-torch -m "$(QUICK)"
	OMP_NUM_THREADS=1 TRIPTYCH_TEST_DATABASE=sqlite $(PYTEST) -n 2 -m "torch and $(QUICK)"
	TRIPTYCH_TEST_DATABASE=sqlite $(PYTEST) -n 2 --dist loadfile -m "not slow and (server or browser)"
	TRIPTYCH_TEST_DATABASE=postgres $(PYTEST) --migrations -n 2 -m "bothdb and not slow and not server"
	TRIPTYCH_TEST_DATABASE=postgres $(PYTEST) --migrations -n 2 --dist loadfile -m "bothdb and not slow and server"

test-fast: dev ## unit tests on SQLite: no browser, no torch, no whole reports (1 minute); ends with the slowest
	TRIPTYCH_TEST_DATABASE=sqlite $(PYTEST) -n 2 --no-torch --durations=10 -m "$(QUICK) and not whole"

test-slow: dev generation chromium ## the long ones: concurrency, state machine, blinding (30 minutes)
	TRIPTYCH_TEST_DATABASE=sqlite $(PYTEST) -m "slow and not brokers"
	TRIPTYCH_TEST_DATABASE=postgres $(PYTEST) --migrations -m "slow and bothdb and not brokers"
	TRIPTYCH_HYPOTHESIS=thorough TRIPTYCH_TEST_DATABASE=sqlite $(PYTEST) -n 2 \
		-m "not slow and not server and not browser" tests/analysis tests/reports

test-brokers: dev generation ## jobs over Redis and RabbitMQ, started by the tests (10 minutes)
	TRIPTYCH_TEST_DATABASE=sqlite $(PYTEST) -m "brokers"

test-latex: dev ## the report's LaTeX through pdfTeX (needs texlive-latex-recommended)
	$(PYTEST) --no-torch tests/reports/latex_compiles.py

check: dev generation ## style, types, import contracts, migrations, deployment settings, locks
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	$(CHECKING) $(PYTHON) manage.py makemigrations --check --dry-run
	$(CHECKING) $(PRODUCTION) $(PYTHON) manage.py check --deploy --fail-level WARNING
	$(PYTEST) tests/config/test_locks.py

bench: dev generation ## every benchmark, one after the other, printed
	@set -e; for file in benchmarks/[a-z]*.py; do \
		echo "== $$file"; $(PYTHON) -m "benchmarks.$$(basename "$$file" .py)"; done

# Reference packages whose pins contradict ours and each other: an environment of their own, in build/.
parity-imagereward: dev generation ## our ImageReward and HPSv2 against the published ones (SMALL=1: seconds)
	@test -x build/parity-imagereward/bin/pip || $(PYTHON) -m venv build/parity-imagereward
	@build/parity-imagereward/bin/pip install -q torch==2.13.0
	@build/parity-imagereward/bin/pip install -q --no-deps -r docker/imagereward/requirements.txt
	@PYTHONPATH=$(CURDIR) $(PYTHON) docker/imagereward/parity.py $(if $(SMALL),--small) $(if $(WRITE),--write)

parity-crowd-kit: dev ## GLAD by crowd-kit: its labels, and its column of the report
	@test -x build/crowd-kit/bin/pip || $(PYTHON) -m venv build/crowd-kit
	@build/crowd-kit/bin/pip install -q -r docker/crowd-kit/requirements.txt
	@PYTHONPATH=$(CURDIR):$$($(PYTHON) -c 'import sysconfig; print(sysconfig.get_path("purelib"))') \
		TRIPTYCH_TEST_DATABASE=sqlite build/crowd-kit/bin/python -m pytest -q --no-torch tests/reports/glad_of_crowd_kit.py

parity-aggregation: dev ## our majority and Dawid-Skene against crowd-kit's, on the crowds in TRIPTYCH_DATA (WRITE=1)
	@test -x build/crowd-kit/bin/pip || $(PYTHON) -m venv build/crowd-kit
	@build/crowd-kit/bin/pip install -q -r docker/crowd-kit/requirements.txt
	@PYTHONPATH=$(CURDIR) $(PYTHON) docker/crowd-kit/parity.py $(if $(WRITE),--write)

reference-report: generation ## the reference world's four gates, from the weights in the repository (WORLD=folder: others)
	@OMP_NUM_THREADS=1 $(PYTHON) -m generation.reference.s1.report $(if $(WORLD),--world $(WORLD))

reference-world: generation ## train the reference world's models anew, in build/ (SEED=1: another run; KEEP=1: fp16 weights in kept/; goes on where it was)
	@OMP_NUM_THREADS=1 $(PYTHON) -m generation.training world $(WORLD_RUN) --seed $(or $(SEED),0)
	@$(if $(KEEP),$(PYTHON) -m generation.training keep $(WORLD_RUN) --into $(WORLD_RUN)/kept)

clean: ## forget caches and the environment; studies in ./data stay
	rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

base dev generation chromium:
	@.ci/setup $@
