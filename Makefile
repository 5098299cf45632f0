# make run    the whole laboratory at http://127.0.0.1:8050      make test    the whole test suite
# make check  format, lint, types, import rules, catalogue       make bench   the benchmarks
# make worker one more worker for the running laboratory         make clean   the virtual environment goes

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# CPU wheels by default. On a GPU host: make TORCH_INDEX= run
TORCH ?= torch==2.13.0
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
PIP_INSTALL := $(BIN)/pip install --disable-pip-version-check --quiet --constraint constraints.txt
TORCH_INSTALL := $(PIP_INSTALL) --retries 1 $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) "$(TORCH)"

.PHONY: run test check bench worker catalogue clean

run: $(VENV)/run.stamp
	@exec $(BIN)/python -m lab.up

worker: $(VENV)/run.stamp
	@exec $(BIN)/python -m worker

test: $(VENV)/test.stamp
	@$(BIN)/python -m tests.browser
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

check: $(VENV)/test.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m worker.catalogue --check

bench: $(VENV)/bench.stamp
	$(BIN)/python -m tests.benchmark.gibbs_step models_store/zoo/*.safetensors
	$(BIN)/python -m tests.benchmark.training_update models_store/zoo/*p0-00.safetensors models_store/zoo/*p0-80.safetensors
	$(BIN)/python -m tests.benchmark.growth
	$(BIN)/python -m tests.benchmark.planner
	-$(BIN)/python -m tests.benchmark.gibbs_step_gpu
	$(BIN)/python -m tests.benchmark.metrics models_store/zoo/paper-schedule-p0-00.safetensors
	$(BIN)/python -m tests.benchmark.analyses
	$(BIN)/python -m tests.benchmark.effective_couplings models_store/zoo/*.safetensors
	$(BIN)/python -m tests.benchmark.log_partition models_store/zoo/*.safetensors
	$(BIN)/python -m tests.benchmark.explorer
	$(BIN)/python -m tests.benchmark.service
	$(BIN)/python -m tests.benchmark.machines_page
	$(BIN)/python -m tests.benchmark.long_page
	$(BIN)/python -m tests.benchmark.study_page

catalogue: $(VENV)/run.stamp
	$(BIN)/python -m worker.catalogue

$(VENV)/run.stamp: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 run")'
	@echo "Installing into $(VENV) (once; some minutes) ..."
	@$(PYTHON) -m venv $(VENV)
	@if [ -n "$(TORCH_INDEX)" ] && $(TORCH_INSTALL) --dry-run --report - | grep -q '"name": "nvidia-'; then \
		echo "torch would come with gigabytes of CUDA packages, since its CPU wheels at $(TORCH_INDEX) cannot be reached."; \
		echo "Try again later, or take them all the same: make TORCH_INDEX= run"; exit 1; fi
	@$(TORCH_INSTALL)
	@$(PIP_INSTALL) --editable ".[api,dashboard,worker,embedded,dataframe]"
	@$(BIN)/python -m worker.compile
	@touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp
	@$(PIP_INSTALL) --editable ".[test]"
	@touch $@

$(VENV)/bench.stamp: $(VENV)/test.stamp
	@$(PIP_INSTALL) --editable ".[bench]"
	@touch $@

clean:
	rm -rf $(VENV)
