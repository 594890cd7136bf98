package api

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"atoll.dev/agent/internal/account"
	"atoll.dev/agent/internal/boot"
	"atoll.dev/agent/internal/journal"
	"atoll.dev/agent/internal/process"
)

const (
	// restoredHook is a program that an image or a user may put there. It is run as root after a restore, before the
	// sandbox is reached again: to seed what must differ between copies, and to open again what a restore has closed.
	restoredHook = "/etc/atoll/restored"
	hookTimeout  = 10 * time.Second
	maxBodyBytes = 4 << 10
)

type restoredRoutes struct {
	identity *boot.Identity
	table    *process.Table
	journal  *journal.Journal
}

// restoredBody is what the server tells of a restore.
type restoredBody struct {
	// SuspendedMs is for how long the sandbox was not awake.
	SuspendedMs int64 `json:"suspendedMs"`
	// IsCopy is true for a sandbox that goes on from the memory of another one.
	IsCopy bool `json:"isCopy"`
}

// restored takes over the new identity, whose token the call itself carries, and runs the hook. The server lets nobody in
// before the answer.
func (r *restoredRoutes) restored(w http.ResponseWriter, request *http.Request) error {
	var body restoredBody
	if err := json.NewDecoder(io.LimitReader(request.Body, maxBodyBytes)).Decode(&body); err != nil {
		return invalid("body is no JSON object: " + err.Error())
	}
	if err := r.identity.Refresh(); err != nil {
		return err
	}
	if body.IsCopy {
		r.journal.Begin(r.identity.Config().MachineID())
	}
	if err := r.runHook(body); err != nil {
		log.Printf("%s: %v", restoredHook, err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// runHook waits for the hook, whose end says nothing of the restore: a broken one keeps nobody from the sandbox.
func (r *restoredRoutes) runHook(body restoredBody) error {
	config := r.identity.Config()
	path := filepath.Join(config.Root, restoredHook)
	if _, err := os.Stat(path); os.IsNotExist(err) {
		return nil
	}
	hook, _, err := r.table.Start(process.Spec{
		Command: path, WorkingDir: "/", Credential: account.Credential{UID: 0, GID: 0}, Timeout: hookTimeout,
		Env: map[string]string{
			"ATOLL_SANDBOX_ID":   config.SandboxID,
			"ATOLL_INCARNATION":  fmt.Sprint(config.Incarnation),
			"ATOLL_SUSPENDED_MS": fmt.Sprint(body.SuspendedMs),
			"ATOLL_IS_COPY":      fmt.Sprint(body.IsCopy),
		},
	}, false)
	if err != nil {
		return err
	}
	select {
	case <-hook.Done():
	case <-time.After(hookTimeout):
	}
	return nil
}
