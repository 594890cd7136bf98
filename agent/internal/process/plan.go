package process

import (
	"syscall"

	"golang.org/x/sys/unix"

	"atoll.dev/agent/internal/account"
)

// plan is a spec made ready for exec.
type plan struct {
	path       string
	argv       []string
	env        []string
	dir        string
	shownDir   string
	credential *syscall.Credential
	actAs      account.Credential
}

func (t *Table) plan(spec Spec, marker string) (*plan, error) {
	shownDir := spec.WorkingDir
	if shownDir == "" {
		shownDir = t.options.WorkingDir
	}
	dir := t.resolve(shownDir)
	if err := checkFolder(dir); err != nil {
		return nil, &SpawnError{Subject: "working directory " + shownDir, Cause: err}
	}
	env := environment(spec, *t.baseEnv.Load(), marker)
	path, err := lookPath(spec.Command, env["PATH"], dir)
	if err != nil {
		return nil, &SpawnError{Cause: err}
	}
	ready := &plan{
		path: path, argv: append([]string{spec.Command}, spec.Args...), env: environmentList(env),
		dir: dir, shownDir: shownDir,
	}
	if t.options.SwitchUser {
		ready.actAs = spec.Credential
		ready.credential = &syscall.Credential{
			Uid: spec.Credential.UID, Gid: spec.Credential.GID, Groups: spec.Credential.Groups,
		}
	}
	return ready, nil
}

// enter tells whether the process's user may enter its working directory.
func (p *plan) enter() error {
	return p.actAs.ActAs(func() error {
		return unix.Faccessat(unix.AT_FDCWD, p.dir, unix.X_OK, unix.AT_EACCESS)
	})
}
