package file

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"atoll.dev/agent/internal/account"
)

func TestAFuzzyQueryFindsBeginningsOfWordsFirst(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"src/main-window.ts", "src/mailbox-widget.ts", "src/random.ts", "other/mw.ts"} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	files := NewSystem("/", root)
	user := account.Credential{UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}
	matches, total, err := files.FindFuzzy(context.Background(), user, root, Selection{}, nil, "mw", 2)
	if err != nil || total != 3 {
		t.Fatalf("total %d, %v", total, err)
	}
	if matches[0].Path != "other/mw.ts" || len(matches) != 2 {
		t.Fatalf("best is %v", matches)
	}
}

func TestCapitalsCountWhereTheQueryHasSome(t *testing.T) {
	if _, fits := fuzzyScore([]rune("readme.md"), []rune("README"), true); fits {
		t.Fatal("small letters fit capitals")
	}
	if _, fits := fuzzyScore([]rune("README.md"), []rune("readme"), false); !fits {
		t.Fatal("capitals do not fit small letters")
	}
}
