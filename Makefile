# Tandem: `make help` lists the targets. Everything a target needs is fetched or built by it; a second run is quick.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules
.NOTPARALLEL:

VERSION = $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS = -s -w -X main.version=$(VERSION)

# Looked at only once setup has run: without libopus or a C compiler the program is built with pure Go codecs.
CGO = $(shell command -v gcc >/dev/null && pkg-config --exists opus 2>/dev/null && echo 1 || echo 0)
RACE = $(if $(filter 1,$(CGO)),-race)
TOOLS = $(shell scripts/tooldir.sh)
# Packages whose tests run the program, or most of it, in processes of their own: one at a time, after the others.
E2E := tandem/cmd/tandem tandem/recording/faultrun
# Processes at a time; more makes the media tests fight for two cores.
P ?= 2

WEB_SOURCES = $(shell find web -type f -not -path 'web/node_modules/*' -not -path 'web/dist/*' -not -path 'web/e2e/*' 2>/dev/null)

step = @printf '\n== %s\n' "$(1)"

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /\1\t/' | expand -t 14

.PHONY: run
run: setup-run build ## build what is missing and serve with demo data on the default ports
	bin/tandem serve --demo

.PHONY: build
build: bin/tandem ## build bin/tandem with the screens inside

.PHONY: web
web: web/dist/index.html ## build the screens into web/dist

.PHONY: test
test: setup-test lint test-go test-nocgo test-web test-e2e ## run every test (fetches the programs they need)
	$(call step,all tests passed)

.PHONY: bench
bench: setup-bench bin/tandem ## run the benchmarks, peers beside Tandem included, and print tables; BENCH=regexp chooses benchmarks alone, COUNT=n repeats
	@mkdir -p .cache
	CGO_ENABLED=$(CGO) go test -p 1 -run '^$$' -bench '$(or $(BENCH),.)' -benchmem -count $(or $(COUNT),1) -timeout 60m ./... | tee .cache/bench.txt | grep -vE '^(ok|PASS|\?|goos|goarch|cpu)' || true
	@! grep -E '^(FAIL|--- FAIL|panic:)' .cache/bench.txt
	$(call step,table)
	@$(TOOLS)/benchstat .cache/bench.txt
	$(if $(BENCH),,$(call step,the same calls through peers))
	$(if $(BENCH),,scripts/peers.mjs $(or $(ROUNDS),3))

.PHONY: bench-peers
bench-peers: setup-bench bin/tandem ## the same calls through Tandem, Kamailio with rtpengine and a bare relay, in turns; ROUNDS=n (3)
	scripts/peers.mjs $(or $(ROUNDS),3)

.PHONY: lint
lint: setup-lint web ## check formatting, go vet, golangci-lint, module files, Biome and TypeScript
	$(call step,lint: Go)
	@bad=$$(gofmt -l $$(find . -name '*.go' -not -path '*/node_modules/*')); if [ -n "$$bad" ]; then printf 'gofmt would change:\n%s\n' "$$bad"; exit 1; fi
	go mod tidy -diff
	go mod verify
	CGO_ENABLED=$(CGO) go vet ./...
	CGO_ENABLED=$(CGO) $(TOOLS)/golangci-lint run --concurrency $(P)
	$(call step,lint: web)
	cd web && npm run lint && npm run typecheck

# The parts of `make test`, to run one alone.
.PHONY: test-go test-nocgo test-web test-e2e
test-go: setup-lint web
	$(call step,Go tests)
	CGO_ENABLED=$(CGO) scripts/gotest.sh pkgname-and-test-fails "$$(go list ./... | grep -v $(addprefix -e ^,$(E2E)) | tr '\n' ' ')" $(RACE) -p $(P) -timeout 15m

test-nocgo: setup-lint web
	$(call step,without cgo: builds and its codecs work)
	CGO_ENABLED=0 go build -o /dev/null ./cmd/tandem
	CGO_ENABLED=0 $(TOOLS)/gotestsum --format pkgname-and-test-fails -- -p $(P) -timeout 5m ./media/codec/...

test-web: web/node_modules/.stamp
	$(call step,web tests)
	cd web && npm run test

# Without -race: sound is measured here, and the detector's slowness would be measured with it.
test-e2e: setup-lint bin/tandem
	$(call step,end to end: the program and real peers)
	CGO_ENABLED=$(CGO) scripts/gotest.sh testname "$(addsuffix /...,$(E2E))" -p 1 -timeout 30m
	$(call step,end to end: screens)
	scripts/e2e.sh

.PHONY: faults
faults: setup-test web ## break recordings in every way of the fault matrix, a thousand calls included; SEEDS=n repeats each row (20)
	@mkdir -p .cache
	CGO_ENABLED=$(CGO) go test -count 1 -timeout 6h ./recording/faultrun -full -seeds $(or $(SEEDS),20) -report $(CURDIR)/.cache/faults.md || status=$$?; \
	CGO_ENABLED=$(CGO) go test -count 1 -timeout 6h -v -run '^TestDatabaseFaults$$' ./cmd/tandem -database.rounds $(or $(SEEDS),20) || status=$$?; \
	cat .cache/faults.md; exit $${status:-0}

.PHONY: soak
soak: setup-test web ## make calls for half an hour and look what is left of them; MINUTES=n, RATE=calls a minute, SEED=n (docs/attacks.md)
	CGO_ENABLED=$(CGO) go test -count 1 -v -timeout $$(( $(or $(MINUTES),30) * 2 + 15 ))m -run '^TestSoak$$' ./cmd/tandem \
	  -soak $(or $(MINUTES),30)m -soak.rate $(or $(RATE),100) -soak.seed $(or $(SEED),1)

.PHONY: clean
clean: ## remove what was built (keeps data/, the unpacked PostgreSQL and the user's caches)
	rm -rf bin/tandem web/dist/* web/node_modules .cache

.PHONY: setup-run setup-test setup-bench setup-lint
setup-run setup-test setup-bench setup-lint: setup-%:
	@scripts/setup.sh $*

# Always asked of go build, which knows best what is out of date.
.PHONY: bin/tandem
bin/tandem: web/dist/index.html
	$(call step,building bin/tandem $(VERSION)$(if $(filter 0,$(CGO)), without Opus: libopus or the C compiler is missing))
	CGO_ENABLED=$(CGO) go build -trimpath -ldflags '$(LDFLAGS)' -o $@ ./cmd/tandem

web/dist/index.html: web/node_modules/.stamp $(WEB_SOURCES)
	$(call step,building the screens)
	cd web && npm run build
	@touch $@

# Not npm ci: that refuses a lock file which leaves out other systems' optional packages. This installs what is locked and changes nothing else.
web/node_modules/.stamp: web/package.json web/package-lock.json
	$(call step,fetching what the screens are built with)
	cd web && npm install --no-save --no-audit --no-fund
	@touch $@
