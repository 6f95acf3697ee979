# Everything is built into this checkout: `target/` and `.venv/`. Elsewhere only `install` puts anything, and `tools`, which asks
# apt-get for what is missing of Debian.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := $(shell find src python/src python/danlu -type f -not -name '*.so' -not -name '*.pyc') \
	Cargo.toml Cargo.lock python/Cargo.toml pyproject.toml schema.sql

WHEEL := target/wheel/.built
VENVS := target/venvs
install-wheel = $(1)/pip install --quiet --disable-pip-version-check --no-deps --force-reinstall target/wheel/*.whl

PEERS := wandb trackio neptune-scale

.PHONY: build demo test bench bench-peers install check linted prepared built-and-linted test-rust test-network test-sim test-faults test-python test-libraries test-integrations tools clean

build: target/release/danlu $(VENV)/.built

target/release/danlu: $(SOURCES)
	cargo build --release --locked --bin danlu
	@touch $@

$(VENV)/.made:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check 'maturin>=1.9,<2'
	@touch $@

# What tests, benches and the demo need beside the package itself.
$(VENV)/.tools: $(VENV)/.made python/tests/requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -r python/tests/requirements.txt
	@touch $@

# The one wheel, for every Python from 3.9 on.
$(WHEEL): $(VENV)/.made $(SOURCES)
	rm -rf $(@D)
	$(BIN)/maturin build --release --quiet --locked --out $(@D)
	@touch $@

$(VENV)/.built: $(WHEEL)
	$(call install-wheel,$(BIN))
	@touch $@

# Environments with other libraries. Those with torch see Debian's, which is of the system's Python and has no gigabytes of CUDA;
# pip takes it for too old, so it installs what is listed and nothing else.
$(VENVS)/lightning/.made $(VENVS)/torch/.made: MAKE_VENV = /usr/bin/python3 -m venv --system-site-packages
$(VENVS)/%/.made: MAKE_VENV = $(PYTHON) -m venv
$(VENVS)/%/.made: tests/integrations/requirements-%.txt
	$(MAKE_VENV) $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --no-deps -r $<
	@touch $@

$(VENVS)/%/.installed: $(VENVS)/%/.made $(WHEEL)
	$(call install-wheel,$(@D)/bin)
	@touch $@

tools:
	sh .ci/tools

demo: tools build $(VENV)/.tools
	$(BIN)/python demo/demo.py --danlu target/release/danlu

test: tools
	$(MAKE) -j 3 prepared
	$(MAKE) check test-rust test-python test-libraries

# What takes long to fetch and to build, side by side: pip waits for the network, and cargo for single crates that others need.
prepared: target/release/danlu built-and-linted $(VENV)/.tools $(VENVS)/trees/.made $(VENVS)/lightning/.made

# One after the other: two cargos would wait for each other in the same directory.
built-and-linted:
	cargo test --locked --no-run
	$(MAKE) linted

linted:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo clippy --no-default-features --lib --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --lib --locked --quiet

check: linted $(VENV)/.tools $(VENV)/.built
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest danlu._core
	$(BIN)/pyright --pythonpath $(BIN)/python --project tests/typed
	PYTHONPATH=python $(BIN)/python tests/typed/complete.py

# Most tests wait for processes and disks as much as they compute, so there are more at once than there are cores. Those of the network
# wait most of the time, and the simulator never does.
THREADS := $(shell echo $$(( $$(nproc) * 2 )))
# All tests that Cargo.toml names, so that a new one is not left out.
TESTS := $(shell sed -n '/^\[\[test\]\]/{n;s/^name = "\(.*\)"/\1/p}' Cargo.toml)

test-rust: export INSTA_UPDATE = no
test-rust: export RUST_TEST_THREADS = $(THREADS)
test-rust:
	cargo test --locked --lib --bins $(addprefix --test ,$(filter-out network sim,$(TESTS)))
	$(MAKE) -j 2 --output-sync=target test-network test-sim
	cargo test --locked --doc

test-network test-sim: test-%:
	cargo test --locked --test $*

# Every fault at full density: a thousand kills, a hundred power cuts, a thousand resets within a push. Takes root, and half an hour.
test-faults: tools
	rm -f target/tmp/faults.txt
	CI=true DANLU_FAULTS=long cargo test --locked --test faults --test network
	@echo && cat target/tmp/faults.txt

test-python: build $(VENV)/.tools
	$(BIN)/python -m pytest -q -n $(THREADS) python/tests

# Every snippet of a tutorial for wandb, and real trainings with other libraries, as far as CI runs them: five minutes and a gigabyte to
# begin with, then two minutes.
PYTEST_IN = $(VENVS)/$(1)/bin/python -m pytest -q -p no:cacheprovider $(2:%=tests/%.py)

test-libraries: tools $(VENVS)/trees/.installed $(VENVS)/lightning/.installed
	$(call PYTEST_IN,lightning,tutorial/test_tutorial $(addprefix integrations/test_,lightning watch tensors))
	$(call PYTEST_IN,trees,integrations/test_boosting integrations/test_keras)

# The others too; some minutes and four gigabytes to begin with.
test-integrations: test-libraries $(VENVS)/torch/.installed $(VENVS)/more/.installed $(VENVS)/tensorflow/.installed
	$(call PYTEST_IN,torch,$(addprefix integrations/test_,writers huggingface reinforcement ultralytics))
	$(call PYTEST_IN,more,$(addprefix integrations/test_,more notebook))
	$(call PYTEST_IN,tensorflow,$(addprefix integrations/test_,tensorflow keras))

bench: build $(VENV)/.tools
	cargo bench --locked --bench store
	$(BIN)/python benches/log.py
	$(BIN)/python benches/beside.py
	$(BIN)/python benches/api.py
	$(BIN)/python benches/sync.py

# The same loops with other trackers, each in an environment of its own. Takes some ten minutes; needs the network for pip.
bench-peers: $(VENV)/.built $(PEERS:%=target/peers/%/.made)
	$(BIN)/python benches/peers

target/peers/%/.made:
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check $*
	@touch $@

# Installs the command for this user, where cargo puts commands.
install:
	cargo install --locked --path .

clean:
	rm -rf target $(VENV) .demo
