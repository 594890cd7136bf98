package boot

import (
	"fmt"
	"os"
	"path/filepath"
)

const (
	// RunDir holds what belongs to one run of the sandbox.
	RunDir = "/run/atoll"
	// readyPipe is where the unit's standard output goes, with the one line that the server waits for.
	readyPipe = "ready"
	unitDir   = "/run/systemd/system"
	unitName  = "atoll-agent.service"
	target    = "multi-user.target"
)

// unitText is the agent as a unit. Its end is the sandbox's end, as it is where the agent is PID 1. The group is its
// own to divide (Delegate), without a limit, because user processes get one inside; what it started outlives a stop
// request until the agent itself has ended it.
const unitText = `[Unit]
Description=Atoll agent
Requires=basic.target
After=basic.target
SuccessAction=exit-force
FailureAction=exit-force

[Service]
ExecStart=%s --identity %s
StandardInput=null
StandardOutput=file:%s
StandardError=journal
Delegate=yes
KillMode=mixed
LimitNOFILE=1048576
LimitNPROC=infinity
OOMScoreAdjust=-900
TasksMax=infinity
TimeoutStopSec=30
`

// WriteUnit has the init program start the agent with its other units, and answers where that will say it is ready.
// Units of a run come first in systemd's search path, so nothing in the image takes this one's place.
func WriteUnit(root, agentPath, identityDir string) (readyPath string, err error) {
	wants := filepath.Join(root, unitDir, target+".wants")
	if err := os.MkdirAll(wants, 0o755); err != nil {
		return "", err
	}
	readyPath = filepath.Join(root, RunDir, readyPipe)
	text := fmt.Sprintf(unitText, agentPath, identityDir, readyPath)
	unit := filepath.Join(root, unitDir, unitName)
	if err := os.WriteFile(unit, []byte(text), 0o644); err != nil {
		return "", err
	}
	return readyPath, os.Symlink(filepath.Join("..", unitName), filepath.Join(wants, unitName))
}
