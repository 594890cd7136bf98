package layer

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestWhatIsIgnoredGoesAndWhatIsSparedStays(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"keep", "a.log", "spared.log", "deep/a.log", "gone/x/y", "half/no", "half/yes", "empty"} {
		at := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(root, filepath.Join(root, "gone", "link")); err != nil {
		t.Fatal(err)
	}
	ignored, err := compilePatterns([]string{"*.log", "!spared.log", "gone", "half", "!half/yes"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ignored.discard(root, ""); err != nil {
		t.Fatal(err)
	}
	var left []string
	err = filepath.Walk(root, func(at string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			relative, _ := filepath.Rel(root, at)
			left = append(left, relative)
		}
		return err
	})
	if want := []string{"deep/a.log", "empty", "half/yes", "keep", "spared.log"}; err != nil || !slices.Equal(left, want) {
		t.Errorf("%v, %v are left, not %v", left, err, want)
	}
}
