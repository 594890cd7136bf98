package boot

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// replace writes an agent.json as a restore does.
func replace(t *testing.T, dir, token string) {
	t.Helper()
	content := valid()
	content["token"] = token
	data, _ := json.Marshal(content)
	if err := os.WriteFile(filepath.Join(dir, configFile), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestEachRestoreIsKnownAtOnceAndStrangersReadNoFile(t *testing.T) {
	dir := t.TempDir()
	config, _ := load(t, valid())
	changes := 0
	identity := NewIdentity(dir, config, func(*Config) { changes++ })
	for _, token := range []string{"the-token-of-the-first", "the-token-of-the-second", "the-token-of-the-third"} {
		replace(t, dir, token)
		if !identity.AcceptsToken(token) {
			t.Fatalf("%s was refused", token)
		}
	}
	if identity.AcceptsToken("the-token-of-a-stranger") {
		t.Fatal("a stranger was accepted")
	}
	replace(t, dir, "the-token-of-the-fourth")
	if identity.AcceptsToken("the-token-of-a-stranger") || changes != 3 {
		t.Fatalf("a stranger made the agent read its file again: %d changes", changes)
	}
}
