package layer

import (
	"archive/tar"
	"io"
	"os"
	"path"
	"strings"
)

// Selection is what COPY or ADD takes from the tree that is the root.
type Selection struct {
	Sources []Source `json:"sources"`
	Exclude []string `json:"exclude"`
	// KeepsParents recreates the directories above a source at the destination.
	KeepsParents bool `json:"keepsParents"`
	// OwnedByRoot is for files that nobody in the image owned before: those of the context.
	OwnedByRoot bool `json:"ownedByRoot"`
	// Unpacks takes the members of an archive in its stead, where a source is one.
	Unpacks bool `json:"unpacks"`
}

// Source is a path, or a pattern of them.
type Source struct {
	Path      string `json:"path"`
	Text      string `json:"text"`
	IsPattern bool   `json:"isPattern"`
	// Pivot is the directory from which KeepsParents counts.
	Pivot string `json:"pivot"`
}

// Names of what is sent begin with one of these: the first is for what lies below the destination, the second for single
// files, which can become the destination itself.
const (
	treePrefix = "D/"
	filePrefix = "F/"
)

// sink takes what is selected, parents before what is in them. content is nil but for regular files.
type sink func(header *tar.Header, content io.Reader) error

type walker struct {
	selection Selection
	patterns  patterns
	send      sink
	// sent are the parents that KeepsParents has sent.
	sent map[string]bool
	// names are the first ones of files with several.
	names map[inode]string
}

// Walk sends everything that the selection takes.
func Walk(selection Selection, send sink) error {
	excluded, err := compilePatterns(selection.Exclude)
	if err != nil {
		return err
	}
	w := &walker{selection: selection, patterns: excluded, send: send, sent: map[string]bool{}, names: map[inode]string{}}
	for _, source := range selection.Sources {
		if err := w.source(source); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) source(source Source) error {
	paths := []string{source.Path}
	if source.IsPattern {
		found, err := glob(source.Path)
		if err != nil {
			return err
		}
		paths = found
	}
	for _, at := range paths {
		if err := w.top(path.Clean(at), source); err != nil {
			return err
		}
	}
	return nil
}

// top follows links, as only what lies below a source is copied as it is.
func (w *walker) top(at string, source Source) error {
	info, err := os.Stat(at)
	if err != nil {
		return notFound(source.Text)
	}
	if w.selection.KeepsParents {
		return w.withParents(at, info, source)
	}
	if info.IsDir() {
		return w.tree(at, "", treePrefix, info)
	}
	if w.patterns.excludes(path.Base(at)) || w.patterns.excludes(strings.TrimPrefix(at, "/")) {
		return nil
	}
	if w.selection.Unpacks {
		if isArchive, err := w.unpack(at); isArchive || err != nil {
			return err
		}
	}
	return w.one(at, filePrefix+path.Base(at), info)
}

func (w *walker) withParents(at string, info os.FileInfo, source Source) error {
	relative := strings.TrimPrefix(at, strings.TrimSuffix(source.Pivot, "/")+"/")
	if at == source.Pivot {
		relative = ""
	}
	relative = strings.TrimPrefix(relative, "/")
	if relative != "" && w.patterns.excludes(relative) && !info.IsDir() {
		return nil
	}
	if err := w.parents(at, relative); err != nil {
		return err
	}
	if info.IsDir() {
		return w.tree(at, relative, treePrefix, info)
	}
	return w.one(at, treePrefix+relative, info)
}

// parents sends the directories between the pivot and the source, each once.
func (w *walker) parents(at, relative string) error {
	root := strings.TrimSuffix(at, relative)
	for i, char := range relative {
		if char != '/' || w.sent[relative[:i]] {
			continue
		}
		w.sent[relative[:i]] = true
		dir := path.Join(root, relative[:i])
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if err := w.one(dir, treePrefix+relative[:i], info); err != nil {
			return err
		}
	}
	return nil
}

// tree sends a directory and all in it. relative is its path as patterns see it.
func (w *walker) tree(at, relative, prefix string, info os.FileInfo) error {
	if err := w.one(at, prefix+relative, info); err != nil {
		return err
	}
	entries, err := os.ReadDir(at)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := w.member(path.Join(at, entry.Name()), path.Join(relative, entry.Name()), prefix); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) member(at, relative, prefix string) error {
	info, err := os.Lstat(at)
	if err != nil {
		return err
	}
	isExcluded := w.patterns.excludes(relative)
	if isExcluded && !(info.IsDir() && w.patterns.keepsSome()) {
		return nil
	}
	if info.IsDir() {
		return w.tree(at, relative, prefix, info)
	}
	return w.one(at, prefix+relative, info)
}

func (w *walker) one(at, name string, info os.FileInfo) error {
	header, err := headerOf(at, name, info)
	if err != nil || header == nil {
		return err
	}
	if w.selection.OwnedByRoot {
		header.Uid, header.Gid = 0, 0
	}
	if node, isShared := inodeOf(info); isShared && header.Typeflag == tar.TypeReg {
		if first, isKnown := w.names[node]; isKnown {
			header.Typeflag, header.Size, header.Linkname = tar.TypeLink, 0, first
			header.PAXRecords = nil
			return w.send(header, nil)
		}
		w.names[node] = name
	}
	if header.Typeflag != tar.TypeReg {
		return w.send(header, nil)
	}
	return w.file(at, header)
}

func (w *walker) file(at string, header *tar.Header) error {
	resolved := at
	if info, err := os.Lstat(at); err == nil && info.Mode()&os.ModeSymlink != 0 {
		// A source that is a link: what it leads to was looked at above, inside the same root.
		file, err := os.Open(at)
		if err != nil {
			return err
		}
		defer file.Close()
		return w.send(header, io.LimitReader(file, header.Size))
	}
	content, err := openRegular(resolved)
	if err != nil {
		return err
	}
	defer content.Close()
	return w.send(header, io.LimitReader(content, header.Size))
}
