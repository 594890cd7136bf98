package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"

	"atoll.dev/agent/internal/account"
	"atoll.dev/agent/internal/api"
	"atoll.dev/agent/internal/blaxel"
	"atoll.dev/agent/internal/boot"
	"atoll.dev/agent/internal/build"
	"atoll.dev/agent/internal/event"
	"atoll.dev/agent/internal/file"
	"atoll.dev/agent/internal/journal"
	"atoll.dev/agent/internal/memory"
	"atoll.dev/agent/internal/process"
	"atoll.dev/agent/internal/reap"
	"atoll.dev/agent/internal/sandboxapi"
	"atoll.dev/agent/internal/supervise"
	"atoll.dev/agent/internal/terminal"
)

const (
	maxLogBudgetBytes = 32 << 20
	minLogBudgetBytes = 4 << 20
	fileMask          = 0o022
	gcPercent         = 50
	// journalBytes bounds the output that waits for the server to take it.
	journalBytes = 1 << 20
)

// agent is what run wires together.
type agent struct {
	config     *boot.Config
	identity   *boot.Identity
	accounts   *account.Directory
	table      *process.Table
	supervisor *supervise.Supervisor
	events     *event.Hub
	journal    *journal.Journal
	reaper     *reap.Reaper
	// trustEnv points programs at the certificates of the extra CA.
	trustEnv map[string]string
	// kernelKills is nil unless the kernel is the memory guard.
	kernelKills *memory.KernelKills
}

func run(ctx context.Context, config *boot.Config, identityDir string) error {
	startedAt := time.Now()
	unix.Umask(fileMask)
	debug.SetGCPercent(gcPercent)
	background, endBackground := context.WithCancel(context.Background())
	defer endBackground()
	adoptOrphans(config)
	a := newAgent(config, identityDir)
	go a.reaper.Run(background)
	a.guardMemory(background)
	listener, err := net.Listen("tcp", config.Listen)
	if err != nil {
		return err
	}
	a.supervisor = supervise.New(a.table)
	files := file.NewSystem(config.Root, config.WorkingDir)
	terminals := terminal.NewSessions(a.table)
	sandbox := a.sandboxAPI(files, terminals, startedAt)
	server := api.NewServer(api.Options{
		Supervisor: a.supervisor,
		Identity:   a.identity, Accounts: a.accounts, Table: a.table, Events: a.events, StartedAt: startedAt,
		Journal: a.journal, Patience: process.FollowerPatience,
		Files: files, Terminals: terminals, Builds: a.acceptBuilds(), Sandbox: sandbox,
	})
	go serve(server, api.Guard(listener, a.identity))
	a.serveInside(sandbox)
	fmt.Printf("{\"event\":\"ready\",\"port\":%d}\n", listener.Addr().(*net.TCPAddr).Port)
	a.startStartup()
	sandbox.SetEntrypoint(a.startEntrypoint())
	<-ctx.Done()
	a.supervisor.Close()
	a.shutDown()
	return server.Close()
}

func (a *agent) sandboxAPI(files *file.System, terminals *terminal.Sessions, startedAt time.Time) *blaxel.Server {
	return blaxel.NewServer(blaxel.Options{
		Accounts: a.accounts, Table: a.table, Supervisor: a.supervisor, Files: files, Terminals: terminals, Hub: a.events,
		Env: a.config.Env, ReloadEnv: a.reloadEnv, Root: a.config.Root, WorkingDir: a.config.WorkingDir, Version: api.Version,
		StartedAt: startedAt, Patience: process.FollowerPatience,
	})
}

// serveInside answers programs of the sandbox itself: those that the sandbox-api program speaks for and, where the
// server asks for it, all on the port that they expect.
func (a *agent) serveInside(sandbox *blaxel.Server) {
	if !isolated(a.config) || a.config.Build {
		return
	}
	server := sandboxapi.NewServer(sandbox)
	socket, err := sandboxapi.Listen(sandboxapi.Address, a.accounts.Default().UID)
	if err != nil {
		log.Printf("sandbox-api: %v", err)
		return
	}
	go serve(server, socket)
	if !a.config.SandboxAPI {
		return
	}
	listeners, err := sandboxapi.Loopback(sandboxapi.Port)
	if err != nil {
		log.Printf("sandbox-api: %v", err)
	}
	for _, listener := range listeners {
		go serve(server, listener)
	}
}

// acceptBuilds is nil where builds are not accepted.
func (a *agent) acceptBuilds() *build.Sessions {
	if !a.config.AcceptBuilds || !isolated(a.config) {
		return nil
	}
	sessions, err := build.Listen(build.Address, a.events)
	if err != nil {
		log.Printf("builds: %v", err)
	}
	return sessions
}

func serve(server *http.Server, listener net.Listener) {
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		log.Fatalf("serve: %v", err)
	}
}

func newAgent(config *boot.Config, identityDir string) *agent {
	a := &agent{config: config, reaper: reap.New(), events: event.NewHub()}
	a.journal = journal.New(journalBytes, config.MachineID())
	a.identity = boot.NewIdentity(identityDir, config, a.takeOver)
	a.accounts = account.NewDirectory(config.Root, config.User)
	applyIdentity(config)
	a.trustEnv = trustExtraCa(config, identityDir)
	a.makeWorkingDir()
	options := process.Options{
		Reaper: a.reaper, Events: a.events, Journal: a.journal, Root: config.Root, WorkingDir: config.WorkingDir,
		BaseEnv: a.baseEnv(config), LogBudgetBytes: logBudgetBytes(config.MemoryMb),
		SwitchUser: os.Geteuid() == 0 && isolated(config),
	}
	if config.OomGuard == "cgroup" {
		if a.kernelKills = memory.NewKernelKills(a.events); a.kernelKills != nil {
			options.ClaimOomKill = a.kernelKills.Claim
		}
	}
	a.bound(&options)
	a.table = process.NewTable(options)
	return a
}

// isolated is false for the driver that runs the agent as a plain process in a folder of the host.
func isolated(config *boot.Config) bool {
	return config.Root == "/" && (os.Getpid() == 1 || config.Init != "")
}

// ownsRoot is false where the root is the host's own, which an agent that is not PID 1 must not change.
func ownsRoot(config *boot.Config) bool { return config.Root != "/" || isolated(config) }

func trustExtraCa(config *boot.Config, identityDir string) map[string]string {
	if !ownsRoot(config) {
		return nil
	}
	env, err := boot.TrustExtraCa(config, identityDir)
	if err != nil {
		log.Printf("extra CA: %v", err)
	}
	return env
}

// takeOver goes on as who a restore has made of this sandbox: what starts from now on has its secrets as they are now.
func (a *agent) takeOver(config *boot.Config) {
	applyIdentity(config)
	a.table.SetBaseEnv(a.baseEnv(config))
}

// reloadEnv gives processes that start from now on the variables as they stand in the identity folder now.
func (a *agent) reloadEnv() (applied, removed int, err error) {
	before := a.identity.Config().Env
	now, err := a.identity.Reread()
	if err != nil {
		return 0, 0, err
	}
	for name := range before {
		if _, isThere := now.Env[name]; !isThere {
			removed++
		}
	}
	a.table.SetBaseEnv(a.baseEnv(now))
	return len(now.Env), removed, nil
}

func applyIdentity(config *boot.Config) {
	if !ownsRoot(config) || config.Build {
		return
	}
	if err := boot.WriteEtc(config); err != nil {
		log.Print(err)
	}
}

func (a *agent) baseEnv(config *boot.Config) map[string]string {
	env := maps.Clone(a.trustEnv)
	if env == nil {
		env = map[string]string{}
	}
	if !isolated(config) {
		env["HOME"] = filepath.Join(config.Root, config.WorkingDir)
	}
	maps.Copy(env, config.Env)
	return env
}

func logBudgetBytes(memoryMb int64) int {
	return int(min(maxLogBudgetBytes, max(minLogBudgetBytes, memoryMb<<20/32)))
}

// makeWorkingDir brings the image's working directory into being, as container runtimes do, but for its user.
func (a *agent) makeWorkingDir() {
	dir := process.ResolvePath(a.config.Root, "/", a.config.WorkingDir)
	if _, err := os.Stat(dir); err == nil {
		return
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		log.Printf("working directory: %v", err)
		return
	}
	if user := a.accounts.Default(); isolated(a.config) {
		_ = os.Chown(dir, int(user.UID), int(user.GID))
	}
}

// startStartup runs the image's own preparation as root, who its user need not be.
func (a *agent) startStartup() {
	if a.config.Startup == "" {
		return
	}
	root, err := a.accounts.Resolve("root")
	if err != nil {
		log.Printf("startup: %v", err)
		return
	}
	a.startOrRecord(process.Spec{Command: a.config.Startup, Credential: root})
}

func (a *agent) startEntrypoint() *process.Process {
	if len(a.config.Entrypoint) == 0 {
		return nil
	}
	return a.startOrRecord(process.Spec{
		Command: a.config.Entrypoint[0], Args: a.config.Entrypoint[1:], Credential: a.accounts.Default(),
	})
}

// startOrRecord has a program that cannot be started listed with the others, with the reason.
func (a *agent) startOrRecord(spec process.Spec) *process.Process {
	started, _, err := a.table.Start(spec, false)
	if err != nil {
		a.table.RecordFailure(spec, err)
		return nil
	}
	return started
}
