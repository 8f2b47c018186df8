# make demo | tour | test | check | lint | install | cases | fuzz | docs | bench | parity | recipe-length | recipe-check | start |
#      verify-export | growth | seeds | compiled | startup | page | pictures | validate | torture | scale-bench | install-ray
PYTHON ?= python3
EXTRAS ?= dev
comma := ,
# NEWEST=1: the newest versions of everything (Python 3.12 or later), in an environment of their own.
CONSTRAINTS := $(if $(NEWEST),constraints-newest.txt,constraints.txt)
VENV := $(if $(NEWEST),.venv-newest,.venv)
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed-$(subst $(comma),-,$(EXTRAS))

# Two workers: the tests compile programs, and a compiler fills a core.
WORKERS ?= 2

.PHONY: install demo tour test cases fuzz lint check docs validate torture bench parity recipe-length recipe-check start \
	verify-export growth \
	seeds compiled startup page pictures scale-bench install-ray clean
install: $(STAMP)

$(STAMP): pyproject.toml $(CONSTRAINTS)
	@echo "Installing into $(VENV); this takes a minute or two."
	$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Python 3.11 or later is needed; say make PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --editable '.[$(EXTRAS)]'
	$(BIN)/python -m compileall -q scaling_search
	touch $@
	@echo "Installed. Next: . $(BIN)/activate, then scaling-search grid; or make demo."

# The whole road on the packaged study, five minutes after installation: demo/ holds the ledger, the scaled networks and
# the best trained member for PyTorch.
DEMO := demo
demo: install
	mkdir -p $(DEMO)
	$(BIN)/scaling-search grid --ledger $(DEMO)/demo.db
	$(BIN)/scaling-search scale --ledger $(DEMO)/demo.db --out $(DEMO)/networks
	$(BIN)/scaling-search report --ledger $(DEMO)/demo.db
	rm -rf $(DEMO)/member
	$(BIN)/scaling-search export best --ledger $(DEMO)/demo.db --format torch --out $(DEMO)/member
	$(BIN)/scaling-search predict $(DEMO)/member digits --ledger $(DEMO)/demo.db

# What there is to see, fifteen minutes after installation: what the networks look at, the page, and figures for papers.
tour: demo
	rm -rf $(DEMO)/maps
	$(BIN)/scaling-search predict phi=0 best digits --ledger $(DEMO)/demo.db --maps $(DEMO)/maps
	$(BIN)/scaling-search report --ledger $(DEMO)/demo.db --maps $(DEMO)/maps --output $(DEMO)/report.html
	for figure in accuracy-cost doubling behind-the-best race family; do \
	  $(BIN)/scaling-search report --ledger $(DEMO)/demo.db --figure $$figure --output $(DEMO)/$$figure.svg || exit; done

test: install
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test

# The references of commands and of a study's keys, from the code.
docs: install
	$(BIN)/python docs/generate.py

# A folder of reports as scripts, NAME/run.sh PATH-TO-PROGRAM: make cases DIR=FOLDER [ONLY="NAME NAME"]. Exit 77: not here.
DIR ?= tests/reports/cases
cases: install
	$(BIN)/python -m tests.reports.run_cases $(DIR) --program $(abspath $(BIN))/scaling-search $(if $(ONLY),--only $(ONLY))

# Whatever stands in a file or an option, N examples of each kind of it: make fuzz [N=10000] [JSON=FILE] [ONLY="study ledger"]
fuzz: install
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.reports.fuzz $(if $(N),--n $(N)) $(if $(JSON),--json $(JSON)) $(if $(ONLY),--only $(ONLY))

# Searches whose answer is known: make validate [SEARCHES=1000] [JSON=FILE]. Simulated ones, about 10 minutes of one
# core, then real trainings, about 2; `make validate-real` runs these alone.
SEARCHES ?= 1000
validate: install
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks.validate --searches $(SEARCHES) $(if $(JSON),--json $(JSON))
	$(BIN)/python -m benchmarks.validate.real $(if $(JSON),--json $(JSON))

validate-real: install
	$(BIN)/python -m benchmarks.validate.real $(if $(JSON),--json $(JSON))

# N= sets how often each case tries; JSON=FILE writes the table as JSON; ONLY=WORD picks cases; FOLDER= where to work
torture: install
	$(BIN)/python -m benchmarks.torture $(if $(N),--n $(N)) $(if $(JSON),--json $(JSON)) $(if $(ONLY),--only $(ONLY)) \
	  $(if $(FOLDER),--folder $(FOLDER))

# PyTorch comes into an environment of its own: the project never needs it. make bench JSON=FILE also writes a file.
BENCH := .venv-bench
bench: bench-environment
	$(BENCH)/bin/python benchmarks/bench.py $(if $(JSON),--json $(JSON)) $(BENCH_OPTIONS)

# Networks trained here and in PyTorch, accuracy against accuracy. JSON=FILE also writes a file.
parity: bench-environment
	$(BENCH)/bin/python -m benchmarks.parity $(if $(JSON),--json $(JSON))

.PHONY: bench-environment
bench-environment:
	test -x $(BENCH)/bin/python || $(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[benchmark]'

# How long is long enough: accuracy against length on four sets, resumable. JSON=FILE is where its figures are kept.
recipe-length: install
	$(BIN)/python -m benchmarks.recipe_length $(if $(JSON),--json $(JSON))

# What the committed studies show of their recipes, counted anew from their exported ledgers. JSON=FILE also writes a
# file; trains nothing.
recipe-check: install
	$(BIN)/python -m benchmarks.recipe_check $(if $(JSON),--json $(JSON))

# Losses and gradients of all networks at the start. JSON=FILE also writes a file.
start: install
	$(BIN)/python -m benchmarks.start $(if $(JSON),--json $(JSON))

# Every exported folder in its own framework alone, PyTorch's gradients, and one epoch more there. JSON=FILE also writes a
# file; EXPORT_OPTIONS: --networks NAME... --formats FORMAT... --full
verify-export:
	test -x $(BENCH)/bin/python || $(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[benchmark,onnx]'
	$(BENCH)/bin/python -m benchmarks.verify_export $(if $(JSON),--json $(JSON)) $(EXPORT_OPTIONS)

# Seconds per image against counted MACs, over phi and families. JSON=FILE also writes a file.
growth: install
	$(BIN)/python benchmarks/growth.py $(if $(JSON),--json $(JSON))

# Seeds of one network together against in turn, on this device. JSON=FILE also writes a file.
seeds: install
	$(BIN)/python benchmarks/seeds.py $(if $(JSON),--json $(JSON))

# What Ray's workers cost here, and how idle they are. JSON=FILE also writes a file; BENCH_OPTIONS: --trials --only ...
scale-bench: install-ray
	$(BIN)/python -m benchmarks.scale_bench $(if $(JSON),--json $(JSON)) $(BENCH_OPTIONS)

# Ray and an object store for the tests and programs that use them (0.4 GB): without, they are skipped.
install-ray: install
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,cluster-tests]'

# What XLA makes of a training step for an H100, with no GPU here. jax's CUDA packages (5 GB) come into an environment of
# their own. JSON=FILE also writes a file.
CUDA := .venv-cuda
compiled:
	test -x $(CUDA)/bin/python || $(PYTHON) -m venv $(CUDA)
	$(CUDA)/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[cuda12]'
	$(CUDA)/bin/python benchmarks/compiled.py $(if $(JSON),--json $(JSON))

# Seconds from command to prompt, of those that train nothing. JSON=FILE also writes a file.
startup: install
	$(BIN)/python benchmarks/startup.py $(if $(JSON),--json $(JSON))

# Size of the report's page of 1,000 candidates and how fast Chromium opens it; SCREENSHOTS=folder PAGES="a.html b.html"
# takes pictures instead.
page: install
	$(BIN)/python -m benchmarks.page $(if $(SCREENSHOTS),--screenshots $(SCREENSHOTS) $(PAGES))

# The pictures of the committed studies and of the documents, from their ledgers: the page in a browser, a terminal.
pictures: install
	$(BIN)/python -m benchmarks.page --studies experiments/digits experiments/fashion-mnist experiments/emoji

clean:
	rm -rf $(VENV) $(BENCH) $(CUDA) $(DEMO)
