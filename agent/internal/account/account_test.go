package account

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func directory(t *testing.T, defaultUser string) *Directory {
	t.Helper()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"passwd": "root:x:0:0:root:/root:/bin/bash\napp:x:1001:1002:App:/srv/app:/bin/sh\nbroken line\nbad:x:-1:0::/:/bin/sh\n",
		"group":  "root:x:0:\nsudo:x:27:app,other\napp:x:1002:\n",
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(root, "etc", name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return NewDirectory(root, defaultUser)
}

func TestUserForms(t *testing.T) {
	app := Credential{UID: 1001, GID: 1002, Groups: []uint32{27}, Name: "app", Home: "/srv/app", Shell: "/bin/sh"}
	cases := map[string]Credential{
		``:                       app,
		`null`:                   app,
		`"app"`:                  app,
		`"1001"`:                 app,
		`{"uid":1001}`:           app,
		`"tl-user"`:              app,
		`"root"`:                 {Name: "root", Home: "/root", Shell: "/bin/bash"},
		`"1001:5"`:               {UID: 1001, GID: 5, Name: "app", Home: "/srv/app", Shell: "/bin/sh"},
		`"app:sudo"`:             {UID: 1001, GID: 27, Name: "app", Home: "/srv/app", Shell: "/bin/sh"},
		`"77"`:                   {UID: 77, Home: "/"},
		`{"uid":77,"gid":78}`:    {UID: 77, GID: 78, Home: "/"},
		`{"uid":4294967294}`:     {UID: 4294967294, Home: "/"},
		`{"uid":0,"extra":true}`: {Name: "root", Home: "/root", Shell: "/bin/bash"},
	}
	accounts := directory(t, "app")
	for input, want := range cases {
		got, err := accounts.ResolveJSON(json.RawMessage(input))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v", input, got, err)
		}
	}
}

func TestWrongUsersAreRefused(t *testing.T) {
	accounts := directory(t, "app")
	for _, input := range []string{`"-1"`, `"4294967295"`, `"99999999999"`, `"1:-1"`, `{"uid":-1}`, `{"uid":1.5}`,
		`{"gid":1}`, `{"uid":"x"}`, `7`, `[]`, `""`, `":"`, `"a\u0000b"`, `{"uid":1,"gid":4294967296}`} {
		if _, err := accounts.ResolveJSON(json.RawMessage(input)); !errors.Is(err, ErrInvalidUser) {
			t.Errorf("%s: got %v", input, err)
		}
	}
	for _, input := range []string{`"nobody-here"`, `"app:no-group"`, `"bad"`} {
		if _, err := accounts.ResolveJSON(json.RawMessage(input)); !errors.Is(err, ErrUnknownUser) {
			t.Errorf("%s: got %v", input, err)
		}
	}
}

func TestAnUnknownDefaultUserIsRoot(t *testing.T) {
	if got := directory(t, "nobody-here").Default(); got.UID != 0 || got.Home != "/root" {
		t.Fatalf("got %+v", got)
	}
}

func TestAccountsAreReadAgainWhenTheyChange(t *testing.T) {
	accounts := directory(t, "app")
	accounts.Default()
	passwd := filepath.Join(accounts.database.root, "etc/passwd")
	if err := os.WriteFile(passwd, []byte("late:x:5:6::/home/late:/bin/sh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := accounts.Resolve("late"); err != nil || got.UID != 5 {
		t.Fatalf("got %+v, %v", got, err)
	}
}
