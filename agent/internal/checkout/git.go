package checkout

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// git runs in a directory. Nothing but its arguments tells it what to do: no configuration, no hooks, no questions, and
// only protocols that end at another machine.
type git struct{ dir string }

// settings also hold for what git starts for submodules.
var settings = []string{
	"GIT_CONFIG_NOSYSTEM=1",
	"GIT_CONFIG_GLOBAL=/dev/null",
	"GIT_TERMINAL_PROMPT=0",
	"GIT_LFS_SKIP_SMUDGE=1",
	"HOME=/nonexistent",
	"LC_ALL=C",
}

// protocols are those that end at another machine; SSH where somebody has lent keys for it (package gitssh).
func protocols() []string {
	if os.Getenv("GIT_SSH_COMMAND") == "" {
		return []string{"GIT_ALLOW_PROTOCOL=https:http:git"}
	}
	// Without a variant git asks the client what it understands.
	return []string{"GIT_ALLOW_PROTOCOL=https:http:git:ssh", "GIT_SSH_VARIANT=ssh"}
}

// options are given to each call. A server that goes silent is given up.
var options = []string{
	"-c", "core.hooksPath=/dev/null",
	"-c", "core.logAllRefUpdates=false",
	"-c", "core.fsmonitor=false",
	"-c", "gc.auto=0",
	"-c", "maintenance.auto=false",
	"-c", "advice.detachedHead=false",
	"-c", "protocol.version=2",
	"-c", "http.lowSpeedLimit=1",
	"-c", "http.lowSpeedTime=60",
}

const maxSaidBytes = 16 * 1024

func (g git) run(args ...string) error {
	_, err := g.output(args...)
	return err
}

func (g git) output(args ...string) (string, error) {
	command := exec.Command("git", append(append([]string{}, options...), args...)...)
	command.Dir = g.dir
	command.Env = append(append(os.Environ(), settings...), protocols()...)
	var out bytes.Buffer
	said := &tail{max: maxSaidBytes}
	command.Stdout, command.Stderr = &out, said
	if err := command.Run(); err != nil {
		return "", errors.New(said.reason(err))
	}
	return out.String(), nil
}

func (g git) timeOf(commit string) (time.Time, error) {
	text, err := g.output("show", "--no-patch", "--format=%ct", commit)
	if err != nil {
		return time.Time{}, err
	}
	seconds, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	return time.Unix(seconds, 0), err
}

// tail keeps the end of what a program says.
type tail struct {
	max  int
	kept []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if len(t.kept) > t.max {
		t.kept = append([]byte{}, t.kept[len(t.kept)-t.max:]...)
	}
	return len(p), nil
}

// cutOff is what git says when what it runs has failed, after that has said why.
const cutOff = "Could not read from remote repository."

// reason is the last thing that git, or the other side, calls an error, without the advice that follows it.
func (t *tail) reason(otherwise error) string {
	lines := strings.Split(strings.TrimSpace(string(t.kept)), "\n")
	wasCutOff := false
	for i := len(lines) - 1; i >= 0; i-- {
		for _, prefix := range []string{"fatal: ", "error: ", "ERROR: "} {
			text, isReason := strings.CutPrefix(lines[i], prefix)
			if isReason && text != cutOff {
				return text
			}
			wasCutOff = wasCutOff || isReason
		}
	}
	if wasCutOff {
		return cutOff
	}
	if last := lines[len(lines)-1]; last != "" {
		return last
	}
	return otherwise.Error()
}

// setTime changes a link itself, not what it leads to.
func setTime(at string, moment time.Time) error {
	times := []unix.Timeval{unix.NsecToTimeval(moment.UnixNano()), unix.NsecToTimeval(moment.UnixNano())}
	return unix.Lutimes(at, times)
}
