package boot

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func valid() map[string]any {
	return map[string]any{
		"sandboxId": "abcdefghijklmnopqrstu", "incarnation": 2, "token": "0123456789abcdef",
		"listen": "0.0.0.0:9501", "hostname": "tl-sbx",
	}
}

func load(t *testing.T, content map[string]any) (*Config, error) {
	t.Helper()
	dir := t.TempDir()
	data, _ := json.Marshal(content)
	if err := os.WriteFile(filepath.Join(dir, configFile), data, 0o600); err != nil {
		t.Fatal(err)
	}
	return LoadConfig(dir)
}

func TestAMinimalConfigGetsDefaults(t *testing.T) {
	config, err := load(t, valid())
	if err != nil {
		t.Fatal(err)
	}
	if config.Root != "/" || config.User != "root" || config.WorkingDir != "/" || config.OomGuard != "none" {
		t.Fatalf("got %+v", config)
	}
}

func TestWrongConfigsAreRefusedByFieldName(t *testing.T) {
	cases := map[string]any{
		"sandboxId": "", "incarnation": 0, "token": "short", "listen": "nowhere", "resolver": "x.y", "memoryMb": -1,
		"oomGuard": "maybe", "stopSignal": "SIGNOPE", "root": "relative", "workingDir": "relative",
		"hostname": "a b", "env": map[string]string{"A=B": ""}, "entrypoint": []string{""}, "allowFrom": []string{"x"},
		"init": "sbin/init", "startup": "start",
	}
	for field, value := range cases {
		content := valid()
		content[field] = value
		if _, err := load(t, content); err == nil {
			t.Errorf("%s = %v was accepted", field, value)
		}
	}
	if _, err := LoadConfig(t.TempDir()); err == nil {
		t.Error("a missing file was accepted")
	}
}

func TestEtcIsReplacedNotFollowed(t *testing.T) {
	root, outside := t.TempDir(), filepath.Join(t.TempDir(), "outside")
	_ = os.WriteFile(outside, []byte("untouched"), 0o644)
	_ = os.Mkdir(filepath.Join(root, "etc"), 0o755)
	_ = os.Symlink(outside, filepath.Join(root, "etc/hosts"))
	_ = os.Symlink("/nowhere/at/all", filepath.Join(root, "etc/resolv.conf"))
	config, _ := load(t, valid())
	config.Root, config.Resolver = root, "1.2.3.4"
	if err := WriteEtc(config); err != nil {
		t.Fatal(err)
	}
	for name, part := range map[string]string{
		"hosts": "tl-sbx", "hostname": "tl-sbx\n", "resolv.conf": "nameserver 1.2.3.4", "machine-id": config.MachineID(),
	} {
		content, _ := os.ReadFile(filepath.Join(root, "etc", name))
		if !strings.Contains(string(content), part) {
			t.Errorf("%s holds %q", name, content)
		}
	}
	if content, _ := os.ReadFile(outside); string(content) != "untouched" {
		t.Fatal("a link of the image was followed")
	}
}

func TestEtcThatLeadsOutIsReportedNotWritten(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	_ = os.Symlink(outside, filepath.Join(root, "etc"))
	config, _ := load(t, valid())
	config.Root = root
	if err := WriteEtc(config); err == nil {
		t.Fatal("no error")
	}
	if entries, _ := os.ReadDir(outside); len(entries) != 0 {
		t.Fatalf("wrote %v", entries)
	}
}

func TestTheMachineIDFollowsTheIncarnation(t *testing.T) {
	config, _ := load(t, valid())
	first := config.MachineID()
	config.Incarnation++
	if second := config.MachineID(); len(first) != 32 || first == second {
		t.Fatalf("%s and %s", first, second)
	}
}

func TestTheExtraCaIsAddedOnce(t *testing.T) {
	identity, root := t.TempDir(), t.TempDir()
	bundle := filepath.Join(root, systemBundle)
	_ = os.MkdirAll(filepath.Dir(bundle), 0o755)
	_ = os.WriteFile(bundle, []byte("FIRST"), 0o644)
	_ = os.WriteFile(filepath.Join(identity, extraCaFile), []byte("EXTRA\n"), 0o644)
	config, _ := load(t, valid())
	config.Root, config.ExtraCa = root, true
	for range 2 {
		env, err := TrustExtraCa(config, identity)
		if err != nil || len(env) != 7 || env["SSL_CERT_FILE"] != bundle {
			t.Fatalf("got %v %v", env, err)
		}
	}
	if content, _ := os.ReadFile(bundle); string(content) != "FIRST\nEXTRA\n" {
		t.Fatalf("got %q", content)
	}
	_ = os.Remove(bundle)
	if env, err := TrustExtraCa(config, identity); err != nil || env["PIP_CERT"] != filepath.Join(identity, extraCaFile) {
		t.Fatalf("without a bundle: %v %v", env, err)
	}
}

func TestPeersAreAdmittedByAddress(t *testing.T) {
	content := valid()
	content["allowFrom"] = []string{"10.1.2.3"}
	config, _ := load(t, content)
	identity := NewIdentity(t.TempDir(), config, func(*Config) {})
	for address, want := range map[string]bool{"10.1.2.3": true, "::ffff:10.1.2.3": true, "10.1.2.4": false, "127.0.0.1": false} {
		if got := identity.AcceptsPeer(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}

func TestSignalsAsImagesSpellThem(t *testing.T) {
	for text, want := range map[string]syscall.Signal{"SIGTERM": 15, "term": 15, "9": 9, "SIGRTMIN+3": 37} {
		if got, err := ParseSignal(text); err != nil || got != want {
			t.Errorf("%s: %v %v", text, got, err)
		}
	}
	for _, text := range []string{"", "0", "65", "SIGNOPE", "SIGRTMIN+31", "SIGRTMIN+x"} {
		if _, err := ParseSignal(text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}
