# make run     the site, its worker and the provider sandbox on this machine
# make test    the whole suite: SQLite, PostgreSQL, browser
# make faults  kills workers at random over a campaign and at every point; about five minutes; KILLS, SEED
# make check   format, lint, types, import rules, migrations, deployment settings, built files
# Needs Python 3.11 or newer, make and git. The rest is installed into .venv.

SHELL := /bin/sh
PY := .venv/bin/python
BASE_STAMP := .venv/requirements-$(shell cat requirements.txt | cksum | cut -d ' ' -f 1)
DEV_STAMP := .venv/requirements-dev-$(shell cat requirements.txt requirements-dev.txt | cksum | cut -d ' ' -f 1)
PYTHON ?=
PYTEST := $(PY) -m pytest
PIP_INSTALL := $(PY) -m pip install -qq --disable-pip-version-check

.PHONY: run test faults check format translations screenshots requirements lint types migrations deployment assets messages

run: $(BASE_STAMP)
	@$(PY) bin/serve.py

# The closing line is pytest's own; every part runs, and one failure anywhere is a failure.
test: $(DEV_STAMP)
	@status=0; \
	$(PYTEST) --database sqlite -m "not browser" -n 2 --dist worksteal || status=$$?; \
	$(PYTEST) --database postgres -m "not browser" -n 2 --dist worksteal || status=$$?; \
	$(PYTEST) --database sqlite -m browser || status=$$?; \
	$(PYTEST) --database postgres -m browser tests/browser/test_providers.py || status=$$?; \
	exit $$status

# Ours has to lose and double nobody. The engine that sends again when in doubt has to be caught (3: doubles), or the
# harness proves nothing.
KILLS ?= 200
SEED ?= 1405
HAVOC = $(PY) -m tests.faults.random_kills --seed $(SEED)
faults: $(DEV_STAMP)
	@$(HAVOC) --kills $(KILLS)
	@$(HAVOC) --kills $$(( ($(KILLS) + 3) / 4 )) --provider safir
	@$(HAVOC) --kills 30 --engine resends; status=$$?; \
	[ $$status -eq 3 ] || { echo "The wrong engine was not caught: the harness proves nothing." >&2; exit 1; }
	@$(PYTEST) --database postgres --exhaustive -n 2 -q tests/faults/test_matrix.py

check: lint types migrations deployment assets messages

lint: $(DEV_STAMP)
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/lint-imports --no-cache

types: $(DEV_STAMP)
	.venv/bin/mypy

migrations: $(DEV_STAMP)
	$(PY) -W error manage.py makemigrations --check --dry-run

# The settings of .env.example, with keys made for the occasion.
deployment: $(DEV_STAMP)
	@echo "manage.py check --deploy under .env.example"
	@set -a; . ./.env.example; READ_DOT_ENV=false; \
	SECRET_KEY=$$($(PY) -c 'import secrets; print(secrets.token_urlsafe(48))'); \
	FIELD_ENCRYPTION_KEYS=$$($(PY) -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'); \
	$(PY) -W error manage.py check --deploy --fail-level WARNING

# What is built and committed equals what its sources give. Only a machine with node can tell.
assets:
	@if ! command -v npm >/dev/null 2>&1; then echo "No node here: the built static files are not checked."; exit 0; fi; \
	set -e; cd frontend; \
	[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund; \
	node vendor.mjs --check; \
	built=$$(mktemp); trap 'rm -f "$$built"' EXIT; \
	npx --no-install tailwindcss -i app.css -o "$$built" --minify; \
	cmp "$$built" ../static/css/app.css || { echo "static/css/app.css is stale: npm run css"; exit 1; }

messages:
	@if ! command -v msgfmt >/dev/null 2>&1; then echo "No gettext here: the compiled translations are not checked."; exit 0; fi; \
	for source in locale/*/LC_MESSAGES/*.po; do \
		[ -f "$$source" ] || continue; \
		msgfmt --check --output-file=- "$$source" | cmp - "$${source%.po}.mo" || \
			{ echo "$${source%.po}.mo is stale: make translations"; exit 1; }; \
	done

format: $(DEV_STAMP)
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

# Whoever changes a sentence of the screens gathers it here, translates it in the .po file, and runs this once more.
translations: $(DEV_STAMP)
	$(PY) manage.py makemessages -l fa -l ru --no-location --no-obsolete -i .venv -i node_modules -i 'frontend/*' -i var
	cd locale && ../$(PY) ../manage.py compilemessages -l fa -l ru

# Every page as a picture, of a site that runs, and the README's pictures: make screenshots PASSWORD=… [URL=http://127.0.0.1:8000] [INTO=var/screenshots]
URL ?= http://127.0.0.1:$(or $(WEB_PORT),8000)
INTO ?= var/screenshots
screenshots: $(DEV_STAMP)
	$(PY) -m tests.browser.screenshots --url "$(URL)" --password "$(PASSWORD)" --into "$(INTO)" --pictures docs/images

# `make requirements UPGRADE=--upgrade` moves the pins.
COMPILE := .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-annotate --no-header
requirements: $(DEV_STAMP)
	$(COMPILE) $(UPGRADE) requirements.in --output-file requirements.txt >/dev/null
	$(COMPILE) $(UPGRADE) requirements-dev.in --output-file requirements-dev.txt >/dev/null

# Named by the content of what was installed, so that an unchanged file never calls pip.
$(BASE_STAMP): | .venv/bin/pip
	@echo "Installing what Chapar needs into .venv"
	@$(PIP_INSTALL) -r requirements.txt
	@rm -f .venv/requirements-[0-9]*
	@touch $@

$(DEV_STAMP): | .venv/bin/pip
	@echo "Installing what the tests and checks need into .venv"
	@$(PIP_INSTALL) -r requirements.txt -r requirements-dev.txt
	@rm -f .venv/requirements-*
	@touch $(BASE_STAMP) $@

.venv/bin/pip:
	@for python in $(PYTHON) $(if $(PYTHON),,python3 python3.14 python3.13 python3.12 python3.11 python); do \
		$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && exec $$python -m venv --clear .venv; \
	done; \
	echo "Chapar needs Python 3.11 or newer$(if $(PYTHON),; $(PYTHON) is older or missing). Name one: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1
