package sandboxapi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"atoll.dev/agent/internal/tunnel"
)

// Command makes the agent's binary the sandbox-api program. Images hold it as a script whose first line names the
// agent and this word; the path of the script comes before what the program was given.
const Command = "sandbox-api"

const (
	dialTimeout  = 5 * time.Second
	startTimeout = 30 * time.Second
	exitUsage    = 2
)

type settings struct {
	port    int
	command string
}

func parse(args []string, stderr io.Writer) (settings, error) {
	var given settings
	flags := flag.NewFlagSet(Command, flag.ContinueOnError)
	flags.SetOutput(stderr)
	for _, name := range []string{"port", "p"} {
		flags.IntVar(&given.port, name, Port, "`port` of the loopback to listen on")
	}
	for _, name := range []string{"command", "c"} {
		flags.StringVar(&given.command, name, "", "`command` to start once the API answers")
	}
	// Images give these to the program that this one stands in for.
	flags.String("user", "", "ignored: processes run as the user of the image")
	flags.Bool("disable-telemetry", false, "ignored: there is none")
	if err := flags.Parse(args); err != nil {
		return given, err
	}
	if given.port < 1 || given.port > 65535 {
		return given, fmt.Errorf("port must be a number from 1 to 65535, not %d", given.port)
	}
	return given, nil
}

// Main passes connections to a port of the loopback on to the agent until a signal ends it.
func Main(args []string, stderr io.Writer) int {
	given, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", Command, err)
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := serve(ctx, given); err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", Command, err)
		return 1
	}
	return 0
}

func serve(ctx context.Context, given settings) error {
	listeners, err := Loopback(given.port)
	if err != nil && !(errors.Is(err, unix.EADDRINUSE) && isAnswered(ctx, given.port)) {
		return err
	}
	for _, listener := range listeners {
		defer listener.Close()
		go relay(ctx, listener)
	}
	if given.command != "" {
		if err := start(ctx, given.command); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return nil
}

// isAnswered tells whether the API is on the port already, so that there is nothing to do but to stay: the agent listens
// by itself in sandboxes of the dialect, and scripts start this program there all the same.
func isAnswered(ctx context.Context, port int) bool {
	limited, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(limited, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/health", port), nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK && response.Header.Get(ownHeader) != ""
}

// ownHeader marks answers of this API to callers inside.
const ownHeader = "X-Atoll-Sandbox-Api"

func relay(ctx context.Context, listener net.Listener) {
	for {
		caller, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// Out of descriptors or memory: what ends connections makes room again.
			time.Sleep(100 * time.Millisecond)
			continue
		}
		go join(ctx, caller)
	}
}

func join(ctx context.Context, caller net.Conn) {
	server, err := dialAgent(ctx)
	if err != nil {
		_ = caller.Close()
		return
	}
	tunnel.Splice(caller, bufio.NewReader(caller), server)
}

func dialAgent(ctx context.Context) (net.Conn, error) {
	dialer := net.Dialer{Timeout: dialTimeout}
	return dialer.DialContext(ctx, "unix", Address)
}

// start has the agent run a command as one of its processes.
func start(ctx context.Context, command string) error {
	limited, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	body, _ := json.Marshal(map[string]string{"command": command})
	request, err := http.NewRequestWithContext(limited, http.MethodPost, "http://sandbox/process", bytes.NewReader(body))
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dialAgent(ctx) },
	}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		reason, _ := io.ReadAll(io.LimitReader(response.Body, 4<<10))
		return fmt.Errorf("the command was not started: %s", bytes.TrimSpace(reason))
	}
	return nil
}
