# Two commands to know: `make run` and `make test`. Each sets up all it needs.
.PHONY: run test bench story lint format lock setup setup-test

BIN := .venv/bin

run: setup
	@exec $(BIN)/yikatong up $(ARGS)

# Two workers, a file at a time, each with a database server of its own; ARGS="-n 0" runs one by one.
test: setup-test lint
	$(BIN)/yikatong policies test
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

bench: setup-test
	$(BIN)/python -m benchmarks $(ARGS)

# The pictures of docs/guides/story.md, taken anew.
story: setup-test
	YIKATONG_STORY=docs/images/story $(BIN)/python -m pytest tests/portals/test_story.py

lint: setup-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports

format: setup-test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Allowed versions, pinned with hashes and without addresses; what runs is what was tested.
lock: setup-test
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-header --no-annotate --group build --group dev pyproject.toml \
	    -o requirements-dev.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-header --no-annotate --group build \
	    --constraints requirements-dev.txt pyproject.toml -o requirements.txt

setup:
	@scripts/setup run

setup-test:
	@scripts/setup test
