package api

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strings"
	"time"

	"atoll.dev/agent/internal/account"
	"atoll.dev/agent/internal/process"
)

// maxTimeoutSecs is beyond what a duration needs to hold; more means none.
const maxTimeoutSecs = 1e9

// processBody is the body of start and run. Pointers tell null from empty.
type processBody struct {
	Command    string             `json:"command"`
	Args       []*string          `json:"args"`
	Env        map[string]*string `json:"env"`
	WorkingDir string             `json:"working_dir"`
	StdinMode  string             `json:"stdin_mode"`
	StdoutMode string             `json:"stdout_mode"`
	StderrMode string             `json:"stderr_mode"`
	User       json.RawMessage    `json:"user"`
	Timeout    float64            `json:"timeout"`
}

// spec checks the body and resolves its user.
func (b *processBody) spec(accounts *account.Directory) (process.Spec, error) {
	if b.Command == "" {
		return process.Spec{}, invalid("command is missing")
	}
	if strings.Contains(b.Command, "\x00") || strings.Contains(b.WorkingDir, "\x00") {
		return process.Spec{}, invalid("command and working_dir must not contain NUL")
	}
	spec := process.Spec{Command: b.Command, WorkingDir: b.WorkingDir}
	for _, part := range []func(*process.Spec) error{b.readArgs, b.readEnv, b.readModes, b.readTimeout} {
		if err := part(&spec); err != nil {
			return process.Spec{}, err
		}
	}
	credential, err := accounts.ResolveJSON(b.User)
	if err != nil {
		return process.Spec{}, userFailure(err)
	}
	spec.Credential = credential
	return spec, nil
}

func userFailure(err error) error {
	if errors.Is(err, account.ErrUnknownUser) {
		return &failure{http.StatusBadRequest, "USER_NOT_FOUND", err.Error()}
	}
	return invalid(err.Error())
}

func (b *processBody) readArgs(spec *process.Spec) error {
	spec.Args = make([]string, 0, len(b.Args))
	for _, arg := range b.Args {
		if arg == nil || strings.Contains(*arg, "\x00") {
			return invalid("args must be strings without NUL")
		}
		spec.Args = append(spec.Args, *arg)
	}
	return nil
}

func (b *processBody) readEnv(spec *process.Spec) error {
	spec.Env = make(map[string]string, len(b.Env))
	for key, value := range b.Env {
		if key == "" || strings.ContainsAny(key, "=\x00") {
			return invalid("env: a variable's name must not be empty and not contain '=' or NUL")
		}
		if value == nil || strings.Contains(*value, "\x00") {
			return invalid("env: a variable's value must be a string without NUL")
		}
		spec.Env[key] = *value
	}
	return nil
}

func (b *processBody) readModes(spec *process.Spec) error {
	var err error
	if spec.StdinPipe, err = readMode("stdin_mode", b.StdinMode, "closed", "pipe"); err != nil {
		return err
	}
	if spec.DiscardStdout, err = readMode("stdout_mode", b.StdoutMode, "capture", "discard"); err != nil {
		return err
	}
	spec.DiscardStderr, err = readMode("stderr_mode", b.StderrMode, "capture", "discard")
	return err
}

// readMode reports whether the mode is the one that is not the default.
func readMode(field, mode, byDefault, other string) (bool, error) {
	if mode != "" && mode != byDefault && mode != other {
		return false, invalid(field + " must be \"" + byDefault + "\" or \"" + other + "\"")
	}
	return mode == other, nil
}

// readTimeout takes 0 as none.
func (b *processBody) readTimeout(spec *process.Spec) error {
	if b.Timeout < 0 || math.IsNaN(b.Timeout) {
		return invalid("timeout must not be negative")
	}
	if b.Timeout < maxTimeoutSecs {
		spec.Timeout = time.Duration(b.Timeout * float64(time.Second))
	}
	return nil
}
