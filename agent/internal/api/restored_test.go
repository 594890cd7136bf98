package api

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestRestoredTakesOverTheNewIdentityAndRunsTheHook(t *testing.T) {
	agent := startAgent(t)
	hook := filepath.Join(agent.root, restoredHook)
	if err := os.MkdirAll(filepath.Dir(hook), 0o755); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(agent.root, "hook-ran")
	script := "#!/bin/sh\necho $ATOLL_INCARNATION $ATOLL_SUSPENDED_MS $ATOLL_IS_COPY > " + out + "\n"
	if err := os.WriteFile(hook, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	const next = "fedcba9876543210"
	identity, _ := json.Marshal(map[string]any{
		"sandboxId": "sbx", "incarnation": 2, "token": next, "listen": "127.0.0.1:0", "root": agent.root,
	})
	if err := os.WriteFile(filepath.Join(agent.identityDir, "agent.json"), identity, 0o600); err != nil {
		t.Fatal(err)
	}
	post := func(token, body string) int {
		request, _ := http.NewRequest("POST", "http://"+agent.address+"/internal/v1/restored", strings.NewReader(body))
		request.Header.Set(tokenHeader, token)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return response.StatusCode
	}
	deadline := time.Now().Add(10 * time.Second)
	for post(next, `{"suspendedMs":1500,"isCopy":true}`) != http.StatusNoContent {
		if time.Now().After(deadline) {
			t.Fatal("the new token is not accepted")
		}
		time.Sleep(50 * time.Millisecond)
	}
	if content, _ := os.ReadFile(out); string(content) != "2 1500 true\n" {
		t.Errorf("the hook saw %q", content)
	}
	if status := post(testToken, `{}`); status != http.StatusUnauthorized {
		t.Errorf("the old token gets %d", status)
	}
	if status := post(next, `nonsense`); status != http.StatusBadRequest {
		t.Errorf("nonsense gets %d", status)
	}
}
