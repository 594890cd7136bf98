// Package checkout fetches the repositories that ADD names. It runs in a sandbox, with the git of a base image and the
// network that builds may use: what a repository and its server say is never looked at on the host.
package checkout

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// Command as the first argument makes the agent fetch a repository:
//
//	atoll-agent checkout REQUEST
//
// REQUEST is JSON. Standard output is the commit; the last line of standard error says why there is none.
const Command = "checkout"

const (
	treeMode    = 0o755
	reachWithin = 30 * time.Second
)

var ports = map[string]string{"http": "80", "https": "443", "git": "9418"}

// Request is a repository, and what is wanted of it.
type Request struct {
	Remote string `json:"remote"`
	// Ref is a branch, a tag, a whole name below refs/ or a whole commit; empty is what HEAD of the remote is.
	Ref string `json:"ref"`
	// Commit is what Ref has been found to be before.
	Commit string `json:"commit"`
	// Checksum is how the commit, or the tag that names it, must begin.
	Checksum string `json:"checksum"`
	// Into is the directory to make; empty only tells the commit.
	Into              string `json:"into"`
	Subdirectory      string `json:"subdirectory"`
	KeepsGitDirectory bool   `json:"keepsGitDirectory"`
	TakesSubmodules   bool   `json:"takesSubmodules"`
}

// Main carries a request out.
func Main(args []string, stdout, stderr io.Writer) int {
	if len(args) != 1 {
		fmt.Fprintln(stderr, "usage: atoll-agent checkout REQUEST")
		return 2
	}
	commit, err := answer([]byte(args[0]))
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	fmt.Fprintln(stdout, commit)
	return 0
}

func answer(text []byte) (string, error) {
	var request Request
	if err := json.Unmarshal(text, &request); err != nil {
		return "", err
	}
	if err := request.reach(); err != nil {
		return "", err
	}
	found, err := request.resolve()
	if err != nil {
		return "", err
	}
	if !found.matches(request.Checksum) {
		return "", fmt.Errorf("%s is the commit %s, not %s", nameOf(request.Ref), found.commit, request.Checksum)
	}
	if request.Into == "" {
		return found.commit, nil
	}
	return found.commit, request.checkOut(found)
}

// reach finds out whether anybody answers: git waits five minutes where a network drops what is not allowed.
func (r Request) reach() error {
	address, err := url.Parse(r.Remote)
	if err != nil || address.Host == "" {
		return nil
	}
	port := address.Port()
	if port == "" {
		port = ports[address.Scheme]
	}
	if port == "" {
		return nil
	}
	connection, err := net.DialTimeout("tcp", net.JoinHostPort(address.Hostname(), port), reachWithin)
	if err != nil {
		return err
	}
	return connection.Close()
}

func nameOf(ref string) string {
	if ref == "" {
		return "HEAD"
	}
	return ref
}

// checkOut leaves the files of the commit, and of its submodules, as what Into holds.
func (r Request) checkOut(found revision) error {
	if err := os.MkdirAll(r.Into, treeMode); err != nil {
		return err
	}
	repository := git{dir: r.Into}
	if err := r.fetch(repository, found); err != nil {
		return err
	}
	if err := repository.run("checkout", "--quiet", "--detach", found.commit); err != nil {
		return err
	}
	if err := r.takeSubmodules(repository); err != nil {
		return err
	}
	moment, err := repository.timeOf(found.commit)
	if err != nil {
		return err
	}
	if err := r.settleGitDirectory(repository); err != nil {
		return err
	}
	if err := r.requireSubdirectory(); err != nil {
		return err
	}
	return setTimes(r.Into, moment)
}

// fetch asks for the commit alone. Servers that give out no commits by name have to be asked for everything.
func (r Request) fetch(repository git, found revision) error {
	format := "sha1"
	if len(found.commit) == sha256Length {
		format = "sha256"
	}
	if err := repository.run("init", "--quiet", "--template=", "--object-format="+format); err != nil {
		return err
	}
	// Submodules may be named relative to it.
	if err := repository.run("config", "remote.origin.url", r.Remote); err != nil {
		return err
	}
	if repository.run("fetch", "--quiet", "--no-tags", "--depth=1", "origin", found.commit) == nil {
		return nil
	}
	refs := []string{"+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"}
	if found.name != "" {
		refs = append(refs, "+"+found.name+":refs/fetched")
	}
	if err := repository.run(append([]string{"fetch", "--quiet", "--no-tags", "origin"}, refs...)...); err != nil {
		return err
	}
	if repository.run("cat-file", "-e", found.commit+"^{commit}") != nil {
		return fmt.Errorf("the repository has no commit %s", found.commit)
	}
	return nil
}

func (r Request) takeSubmodules(repository git) error {
	if _, err := os.Lstat(path.Join(r.Into, ".gitmodules")); err != nil || !r.TakesSubmodules {
		return nil
	}
	return repository.run("submodule", "--quiet", "update", "--init", "--recursive", "--depth=1")
}

// settleGitDirectory removes what git keeps, or leaves it without anything that differs from one time to the next.
func (r Request) settleGitDirectory(repository git) error {
	if !r.KeepsGitDirectory {
		return removeGitDirectories(r.Into)
	}
	if err := repository.run("config", "remote.origin.url", withoutPassword(r.Remote)); err != nil {
		return err
	}
	index := path.Join(r.Into, ".git", "index")
	if err := os.Remove(index); err != nil && !os.IsNotExist(err) {
		return err
	}
	return repository.run("read-tree", "HEAD")
}

// withoutPassword is the address that an image may keep.
func withoutPassword(remote string) string {
	address, err := url.Parse(remote)
	if err != nil || address.User == nil || !strings.HasPrefix(address.Scheme, "http") {
		return remote
	}
	address.User = nil
	return address.String()
}

// removeGitDirectories finds no files of the repository: git tracks nothing by that name.
func removeGitDirectories(root string) error {
	return filepath.WalkDir(root, func(at string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() != ".git" {
			return err
		}
		if err := os.RemoveAll(at); err != nil {
			return err
		}
		if entry.IsDir() {
			return fs.SkipDir
		}
		return nil
	})
}

func (r Request) requireSubdirectory() error {
	at := path.Join(r.Into, path.Clean("/"+r.Subdirectory))
	if info, err := os.Stat(at); err != nil || !info.IsDir() {
		return fmt.Errorf("the repository has no directory %s", strings.TrimPrefix(r.Subdirectory, "/"))
	}
	return nil
}

// setTimes gives all files the time of the commit: git knows no other, and a build done twice gives the same.
func setTimes(root string, moment time.Time) error {
	return filepath.WalkDir(root, func(at string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return setTime(at, moment)
	})
}
