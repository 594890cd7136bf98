// Command atoll-agent is PID 1 of a sandbox: it starts processes, keeps files, and answers the server.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"atoll.dev/agent/internal/boot"
	"atoll.dev/agent/internal/build"
	"atoll.dev/agent/internal/checkout"
	"atoll.dev/agent/internal/fetch"
	"atoll.dev/agent/internal/gitssh"
	"atoll.dev/agent/internal/launch"
	"atoll.dev/agent/internal/sandboxapi"
	"atoll.dev/agent/internal/sftpserver"
)

// exitConfig is EX_CONFIG of sysexits.h.
const exitConfig = 78

// The main goroutine keeps the main thread: /proc/1 shows that thread's credentials, and threads that act
// as other users must be ones that can end.
func init() { runtime.LockOSThread() }

func main() {
	if len(os.Args) == 2 && os.Args[1] == pauseCommand {
		pause()
	}
	if len(os.Args) == 3 && os.Args[1] == announceCommand {
		announce(os.Args[2])
	}
	if len(os.Args) > 1 && os.Args[1] == build.Command {
		os.Exit(build.Main(os.Args[2:], os.Stdout, os.Stderr))
	}
	if len(os.Args) > 1 && os.Args[1] == fetch.Command {
		os.Exit(fetch.Main(os.Args[2:], os.Stderr))
	}
	if len(os.Args) > 1 && os.Args[1] == checkout.Command {
		os.Exit(checkout.Main(os.Args[2:], os.Stdout, os.Stderr))
	}
	if len(os.Args) > 1 && os.Args[1] == gitssh.Command {
		os.Exit(gitssh.Main(os.Args[2:], os.Stdin, os.Stdout, os.Stderr))
	}
	if len(os.Args) == 3 && os.Args[1] == launch.Command {
		os.Exit(launch.Main(os.Args[2], os.Stdin, os.Stdout, os.Stderr))
	}
	if len(os.Args) > 1 && os.Args[1] == layerCommand {
		os.Exit(runLayer(os.Args[2:]))
	}
	if len(os.Args) > 2 && os.Args[1] == sandboxapi.Command {
		os.Exit(sandboxapi.Main(os.Args[3:], os.Stderr))
	}
	if len(os.Args) == 2 && os.Args[1] == sftpserver.Command {
		os.Exit(sftpserver.Main())
	}
	log.SetFlags(log.LstdFlags | log.Lmicroseconds | log.LUTC)
	identityDir := flag.String("identity", "/.atoll/identity", "folder with agent.json")
	flag.Parse()
	config, err := boot.LoadConfig(*identityDir)
	if err != nil {
		fmt.Fprintln(os.Stderr, "atoll-agent:", err)
		os.Exit(exitConfig)
	}
	if config.Init != "" && os.Getpid() == 1 {
		fmt.Fprintln(os.Stderr, "atoll-agent:", becomeInit(config, *identityDir))
		os.Exit(exitConfig)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	ignoreSignals()
	if err := run(ctx, config, *identityDir); err != nil {
		fmt.Fprintln(os.Stderr, "atoll-agent:", err)
		os.Exit(1)
	}
}

// ignoreSignals keeps stray signals and closed pipes from ending the sandbox. They are received and dropped
// rather than ignored, because children inherit an ignored signal.
func ignoreSignals() {
	const lastSignal = 64
	handled := map[syscall.Signal]bool{
		syscall.SIGTERM: true, syscall.SIGINT: true, syscall.SIGCHLD: true, syscall.SIGURG: true,
		syscall.SIGKILL: true, syscall.SIGSTOP: true, syscall.SIGCONT: true, syscall.SIGPROF: true,
	}
	dropped := make(chan os.Signal, 1)
	for number := syscall.Signal(1); number <= lastSignal; number++ {
		if !handled[number] {
			signal.Notify(dropped, number)
		}
	}
}
