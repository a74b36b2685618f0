# jobbox: the device side of AWS IoT Jobs. `make help` lists the targets.
# Linux, GNU make, Go 1.24 or later (1.25 for the simulated cloud and the tests).

GO      ?= go
NICE    ?=
PREFIX  ?= /usr/local
DESTDIR ?=
BINDIR  ?= $(PREFIX)/sbin
DOCDIR  ?= $(PREFIX)/share/doc/jobbox
BIN     ?= bin
ifndef VERSION
VERSION := $(shell scripts/version.sh)
endif
# The one moment that goes into the binary: the last commit's, so that the same
# source gives the same bytes, and a device whose clock is older knows it.
ifndef SOURCE_DATE_EPOCH
SOURCE_DATE_EPOCH := $(shell scripts/build-date.sh)
endif

TAGS ?=
ifeq ($(EXCLUDE_JOBS),ON)
override TAGS += exclude_jobs
endif

# Go 1.26 reserves 32 MiB of zeroed memory for a FIPS mode that main.go turns
# off; with this older snapshot of the same cryptography it does not, and the
# program starts on a device with 32 MiB of RAM (docs/SIZES.md).
export GOFIPS140 = v1.0.0

# Else Go's cryptography is unpacked into directories that only root could remove
# again: Buildroot's `make clean` and Yocto's rm_work are not root.
override GOFLAGS += -modcacherw
export GOFLAGS

# Inlining makes a file a tenth larger and speeds up what computes: cryptography
# and the runtime keep it, the rest, which waits for a network, goes without.
INLINED = crypto/... hash/... internal/... math/... runtime/... sync/... vendor/golang.org/x/crypto/...
GCFLAGS = -gcflags=all=-l $(INLINED:%=-gcflags=%=)

LDFLAGS  = -s -w -X main.version=$(VERSION) -X main.buildDate=$(SOURCE_DATE_EPOCH)
GO_BUILD = CGO_ENABLED=0 $(NICE) $(GO) build -trimpath -buildvcs=false -tags "$(strip $(TAGS))" $(GCFLAGS) -ldflags "$(LDFLAGS)"
STATICCHECK = $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.7.0
# End-to-end tests run the binary as it ships; the others the cryptography as it
# ships, and in the mode that it ships in (main.go).
TESTENV = JOBBOX_BIN=$(abspath $(BIN))/jobbox GODEBUG=fips140=off
TESTRUN = $(TESTENV) $(GO) run ./scripts/testrun
SOAK   ?= 3m

# Every core that is built for, and the environment that makes its binary.
# Each variable that could change the bytes is set, whatever the caller has.
CROSS = arm5 arm6 arm7 arm64 mips mipsle mips64le riscv64 386 amd64
ENV_arm5     = GOARCH=arm GOARM=5
ENV_arm6     = GOARCH=arm GOARM=6
ENV_arm7     = GOARCH=arm GOARM=7
ENV_arm64    = GOARCH=arm64 GOARM64=v8.0
ENV_mips     = GOARCH=mips GOMIPS=softfloat
ENV_mipsle   = GOARCH=mipsle GOMIPS=softfloat
ENV_mips64le = GOARCH=mips64le GOMIPS64=softfloat
ENV_riscv64  = GOARCH=riscv64 GORISCV64=rva20u64
ENV_386      = GOARCH=386 GO386=sse2
ENV_amd64    = GOARCH=amd64 GOAMD64=v1

# 32-bit ARM has pages of 4 KiB and nothing else; Go would pad for 64.
cross-arm5 cross-arm6 cross-arm7: LDFLAGS += -R 4096

.PHONY: all help deps sim cross $(CROSS:%=cross-%) $(CROSS:%=tests-%) size reproducible install uninstall \
	demo check lint unit test boot-test boot-test-mips bench soak dist clean

all: ## bin/jobbox, for this machine
	$(GO_BUILD) -o $(BIN)/jobbox .

help: ## this list
	@sed -n 's/^\([a-z][a-z-]*\):.*## /\1	/p' Makefile | expand -t 16

deps: ## installs what the tests and the demo need (Debian packages, as root)
	scripts/install-deps.sh

sim: ## bin/jobsim, the cloud on a desk
	cd sim && CGO_ENABLED=0 GOFIPS140=off $(NICE) $(GO) build -trimpath -buildvcs=false -o $(abspath $(BIN))/jobsim ./cmd/jobsim

cross: $(CROSS:%=cross-%) ## bin/jobbox-linux-CORE, for every core

$(CROSS:%=cross-%): cross-%:
	GOOS=linux $(ENV_$*) $(GO_BUILD) -o $(BIN)/jobbox-linux-$* .

# Tests of PACKAGES for another core, for whatever runs its programs.
$(CROSS:%=tests-%): tests-%:
	GOOS=linux CGO_ENABLED=0 $(ENV_$*) $(GO) test -c -trimpath $(GCFLAGS) -o $(BIN)/ $(PACKAGES)

size: cross ## bytes of each binary, plain and xz; fails over the limit
	scripts/size.sh $(BIN)

reproducible: ## two builds, two directories, one empty cache: the same bytes
	scripts/reproducible.sh arm7

install: ## the binary and its documents, below PREFIX and DESTDIR
	test -x $(BIN)/jobbox || $(MAKE) all
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(DOCDIR)
	install -m 0755 $(BIN)/jobbox $(DESTDIR)$(BINDIR)/jobbox
	install -m 0644 README.md CHANGELOG.md LICENSE NOTICE docs/*.md $(DESTDIR)$(DOCDIR)
	test "$(ALIAS)" != ON || ln -sf jobbox $(DESTDIR)$(BINDIR)/aws-iot-device-client

uninstall: ## what install put there
	rm -f $(DESTDIR)$(BINDIR)/jobbox $(DESTDIR)$(BINDIR)/aws-iot-device-client
	rm -rf $(DESTDIR)$(DOCDIR)

demo: deps all sim ## a job from the simulated cloud to a process and back
	scripts/demo.sh $(BIN)

lint: ## gofmt, vet, staticcheck, shellcheck
	scripts/lint.sh "$(STATICCHECK)"

unit: all ## unit tests and architecture tests with the race detector
	$(TESTRUN) -race -short . sim

check: lint unit ## what must pass before a change goes in

test: deps all sim lint ## every test, end to end and on booted machines: what CI runs
	$(TESTRUN) -race -tags boottest . sim

boot-test: deps all ## whole machines of four cores, booted: what an image has to do
	$(TESTRUN) -tags boottest sim:./boot

boot-test-mips: deps all ## big-endian mips likewise, once its kernel is built (by hand: a quarter of an hour)
	sim/boot/mips/build.sh .cache/boot/root-mips
	$(TESTRUN) -tags boottest,boottestmips -run TestBootMIPS sim:./boot

bench: all sim ## starting a step against fork and exec; the agent's benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

soak: all ## jobs and faults for SOAK=3m, and what was lost, doubled or wrong
	cd sim && $(TESTENV) $(GO) test -count=1 -v -timeout 0 ./soak -soak.for $(SOAK)

dist: ## source archive, vendored, and package trees that know its hash
	GO="$(GO)" scripts/dist.sh dist

clean: ## what was built
	rm -rf bin dist
