# The one task list; CI runs the same lines. `just` comes with the dev extra.

python := env("PYTHON", justfile_directory() / ".venv/bin/python")

# lint, types and tests
check: lint types test

# style, and the docs that must not drift
lint:
    {{python}} -m ruff check .
    {{python}} -m ruff format --check .
    {{python}} docs/make.py --check

# strict types; the link farm shows the rooms under their installed name
types:
    mkdir -p build/types/mediamill
    for room in protocol operations engine; do ln -sfn "$PWD/$room" "build/types/mediamill/$room"; done
    cd build/types && MYPYPATH=. {{python}} -m mypy --config-file ../../pyproject.toml -p mediamill

# all tests, side by side
test *arguments:
    {{python}} -m pytest -n auto {{arguments}}

# a wheel, installed on its own, run and type-checked
package:
    PYTHON={{python}} sh .ci/package

# against the peers that are installed
bench *arguments:
    {{python}} benchmarks/run.py {{arguments}}

# the schema, the reference and the README's tables
docs:
    {{python}} docs/make.py

# lint's automatic half
fix:
    {{python}} -m ruff check --fix .
    {{python}} -m ruff format .
