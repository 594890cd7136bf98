package boot

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheUnitIsWantedAndNamesItsOutput(t *testing.T) {
	root := t.TempDir()
	ready, err := WriteUnit(root, "/.atoll/agent", "/.atoll/identity")
	if err != nil {
		t.Fatal(err)
	}
	unit, err := os.ReadFile(filepath.Join(root, "run/systemd/system/multi-user.target.wants/atoll-agent.service"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"ExecStart=/.atoll/agent --identity /.atoll/identity\n", "StandardOutput=file:" + ready + "\n",
	} {
		if !strings.Contains(string(unit), line) {
			t.Errorf("no %q in %s", line, unit)
		}
	}
}
