package api

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"strings"

	"atoll.dev/agent/internal/account"
	"atoll.dev/agent/internal/process"
	"atoll.dev/agent/internal/session"
	"atoll.dev/agent/internal/sftpserver"
)

// sessionHeader carries what to run, as JSON in base64: an upgrade has no body.
const sessionHeader = "X-Atoll-Session"

const sessionProtocol = "atoll-session"

type sessionRoutes struct {
	table    *process.Table
	accounts *account.Directory
}

// sessionBody is what to run for a user: a command or, without one, a login shell; or the server of SFTP.
type sessionBody struct {
	Command  *string            `json:"command"`
	Sftp     bool               `json:"sftp"`
	Env      map[string]*string `json:"env"`
	Terminal *sizeBody          `json:"terminal"`
}

// serve starts the command before it answers 101, so that a failure can still be told.
func (s *sessionRoutes) serve(w http.ResponseWriter, r *http.Request) error {
	if !strings.EqualFold(r.Header.Get("Upgrade"), sessionProtocol) {
		return &failure{http.StatusUpgradeRequired, "UPGRADE_REQUIRED", "this route needs Upgrade: " + sessionProtocol}
	}
	body, err := readSession(r.Header.Get(sessionHeader))
	if err != nil {
		return err
	}
	run, err := s.start(body)
	if err != nil {
		return spawnFailure(err)
	}
	caller, buffered, err := switchTo(w, sessionProtocol)
	if err != nil {
		run.Kill()
		return err
	}
	run.Serve(caller, buffered.Reader)
	return nil
}

func readSession(header string) (*sessionBody, error) {
	data, err := base64.StdEncoding.DecodeString(header)
	if err != nil {
		return nil, invalid(sessionHeader + " is not base64")
	}
	body := &sessionBody{}
	if err := json.Unmarshal(data, body); err != nil {
		return nil, invalid("invalid " + sessionHeader + ": " + err.Error())
	}
	return body, nil
}

func (s *sessionRoutes) start(body *sessionBody) (*session.Run, error) {
	spec, err := s.spec(body)
	if err != nil {
		return nil, err
	}
	if body.Terminal == nil {
		piped, err := s.table.StartPiped(spec)
		if err != nil {
			return nil, err
		}
		return session.OnPipes(piped), nil
	}
	spec.DefaultEnv = map[string]string{"TERM": defaultTerm}
	terminal, err := s.table.StartTerminal(spec, body.Terminal.size())
	if err != nil {
		return nil, err
	}
	return session.OnTerminal(terminal), nil
}

func (s *sessionRoutes) spec(body *sessionBody) (process.Spec, error) {
	request := processBody{Command: "/bin/sh", Env: body.Env}
	spec, err := request.spec(s.accounts)
	if err != nil {
		return process.Spec{}, err
	}
	if spec.Credential.Shell != "" {
		spec.Command = spec.Credential.Shell
	}
	switch {
	case body.Sftp:
		own, err := os.Executable()
		if err != nil {
			return process.Spec{}, err
		}
		spec.Command, spec.Args = own, []string{sftpserver.Command}
	case body.Command != nil && strings.Contains(*body.Command, "\x00"):
		return process.Spec{}, invalid("command must not contain NUL")
	case body.Command != nil:
		spec.Args = []string{"-c", *body.Command}
	default:
		spec.Args = []string{"-l"}
	}
	return spec, nil
}
