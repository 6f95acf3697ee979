# Everything is built into this checkout: `target/` and `.venv/`. Elsewhere only `install` puts anything, and `tools`, which asks
# apt-get for what is missing of Debian.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := $(shell find src python/src python/danlu -name '*.rs' -o -name '*.py' -o -name '*.html') \
	Cargo.toml Cargo.lock python/Cargo.toml pyproject.toml schema.sql

WHEEL := target/wheel/.built
TORCH := target/venvs/torch
install-wheel = $(1)/pip install --quiet --disable-pip-version-check --no-deps --force-reinstall target/wheel/*.whl

PEERS := wandb trackio neptune-scale

.PHONY: build demo test bench bench-peers install check test-rust test-faults test-python test-tutorial tools clean

build: target/release/danlu $(VENV)/.built

target/release/danlu: $(SOURCES)
	cargo build --release --locked --bin danlu
	@touch $@

$(VENV)/.made:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check 'maturin>=1.9,<2'
	@touch $@

# What tests, benches and the demo need beside the package itself.
$(VENV)/.tools: $(VENV)/.made pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check numpy pytest mypy ruff scikit-learn
	@touch $@

# The one wheel, for every Python from 3.9 on.
$(WHEEL): $(VENV)/.made $(SOURCES)
	rm -rf $(@D)
	$(BIN)/maturin build --release --quiet --locked --out $(@D)
	@touch $@

$(VENV)/.built: $(WHEEL)
	$(call install-wheel,$(BIN))
	@touch $@

# An environment with Debian's torch, which is of the system's Python and has no gigabytes of CUDA.
$(TORCH)/.built: $(WHEEL) tests/tutorial/requirements.txt
	[ -x $(TORCH)/bin/python ] || /usr/bin/python3 -m venv --system-site-packages $(TORCH)
	$(TORCH)/bin/pip install --quiet --disable-pip-version-check --no-deps -r tests/tutorial/requirements.txt
	$(call install-wheel,$(TORCH)/bin)
	@touch $@

tools:
	sh .ci/tools

demo: tools build $(VENV)/.tools
	$(BIN)/python demo/demo.py --danlu target/release/danlu

test: tools check test-rust test-python test-tutorial

check: $(VENV)/.tools $(VENV)/.built
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo clippy --no-default-features --lib --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --lib --locked --quiet
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest danlu._core

test-rust:
	INSTA_UPDATE=no cargo test --locked

# Every fault at full density: a thousand kills, a hundred power cuts. Takes root, and about ten minutes.
test-faults: tools
	rm -f target/tmp/faults.txt
	CI=true DANLU_FAULTS=long cargo test --locked --test faults
	@echo && cat target/tmp/faults.txt

test-python: build $(VENV)/.tools
	$(BIN)/python -m pytest -q python/tests

# Every snippet of a tutorial for wandb, with real torch.
test-tutorial: tools $(TORCH)/.built
	$(TORCH)/bin/python -m pytest -q tests/tutorial

bench: build $(VENV)/.tools
	cargo bench --locked --bench store
	$(BIN)/python benches/log.py

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
