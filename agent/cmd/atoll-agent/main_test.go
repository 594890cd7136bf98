package main

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "atoll-agent-test")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "agent")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		panic(string(output))
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func identity(t *testing.T, changes map[string]any) string {
	t.Helper()
	config := map[string]any{
		"sandboxId": "sbx", "incarnation": 1, "token": "0123456789abcdef", "listen": "127.0.0.1:0",
		"root": t.TempDir(), "workingDir": "/work", "stopGraceMs": 5000,
	}
	for key, value := range changes {
		config[key] = value
	}
	dir := t.TempDir()
	content, _ := json.Marshal(config)
	if err := os.WriteFile(filepath.Join(dir, "agent.json"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

type started struct {
	command *exec.Cmd
	port    int
}

func start(t *testing.T, dir string) started {
	t.Helper()
	command := exec.Command(binary, "--identity", dir)
	stdout, _ := command.StdoutPipe()
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Process.Kill(); _ = command.Wait() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	var ready struct {
		Event string
		Port  int
	}
	if err != nil || json.Unmarshal([]byte(line), &ready) != nil || ready.Event != "ready" || ready.Port == 0 {
		t.Fatalf("got %q %v", line, err)
	}
	_ = stdout.Close()
	return started{command, ready.Port}
}

func (s started) get(t *testing.T, path string) string {
	t.Helper()
	request, _ := http.NewRequest("GET", "http://127.0.0.1:"+strconv.Itoa(s.port)+path, nil)
	request.Header.Set("X-Atoll-Token", "0123456789abcdef")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content := make([]byte, 64<<10)
	length, _ := response.Body.Read(content)
	return string(content[:length])
}

func TestAWrongConfigEndsWithCode78(t *testing.T) {
	output, err := exec.Command(binary, "--identity", identity(t, map[string]any{"token": ""})).CombinedOutput()
	exit, ok := err.(*exec.ExitError)
	if !ok || exit.ExitCode() != exitConfig || !strings.Contains(string(output), "token") {
		t.Fatalf("got %v %s", err, output)
	}
}

func TestStopSignalReachesTheEntrypointAndTheAgentEndsWithZero(t *testing.T) {
	dir := identity(t, map[string]any{
		"stopSignal": "SIGUSR1",
		"entrypoint": []string{"sh", "-c", `trap 'echo stopped > mark; exit' USR1; while :; do sleep 0.05; done`},
	})
	agent := start(t, dir)
	deadline := time.Now().Add(5 * time.Second)
	for !strings.Contains(agent.get(t, "/api/v1/processes"), `"status":"running"`) && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(200 * time.Millisecond)
	for _, stray := range []syscall.Signal{syscall.SIGHUP, syscall.SIGPIPE, syscall.SIGQUIT, syscall.SIGUSR1} {
		_ = agent.command.Process.Signal(stray)
	}
	if !strings.Contains(agent.get(t, "/api/v1/health"), "true") {
		t.Fatal("a stray signal ended the agent")
	}
	_ = agent.command.Process.Signal(syscall.SIGTERM)
	if err := agent.command.Wait(); err != nil {
		t.Fatal(err)
	}
	var config struct{ Root string }
	content, _ := os.ReadFile(filepath.Join(dir, "agent.json"))
	_ = json.Unmarshal(content, &config)
	if mark, _ := os.ReadFile(filepath.Join(config.Root, "work/mark")); string(mark) != "stopped\n" {
		t.Fatalf("the entrypoint was not asked to stop: %q", mark)
	}
}

func TestAProcessThatIgnoresTheStopSignalIsKilledAfterTheGrace(t *testing.T) {
	dir := identity(t, map[string]any{
		"stopGraceMs": 200, "entrypoint": []string{"sh", "-c", `trap '' TERM; sleep 300`},
	})
	agent := start(t, dir)
	time.Sleep(200 * time.Millisecond)
	began := time.Now()
	_ = agent.command.Process.Signal(syscall.SIGTERM)
	if err := agent.command.Wait(); err != nil || time.Since(began) > 5*time.Second {
		t.Fatalf("%v after %v", err, time.Since(began))
	}
}

func TestAMissingEntrypointIsListedAndTheSandboxLives(t *testing.T) {
	agent := start(t, identity(t, map[string]any{"entrypoint": []string{"no-such-command"}}))
	time.Sleep(100 * time.Millisecond)
	if list := agent.get(t, "/api/v1/processes"); !strings.Contains(list, `"exit_code":127`) {
		t.Fatalf("got %s", list)
	}
}
