package checkout

import (
	"fmt"
	"regexp"
	"strings"
)

const sha256Length = 64

var wholeCommit = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)

// revision is what a ref stands for at the moment.
type revision struct {
	// name is the ref's whole name; empty when the commit itself was asked for.
	name   string
	commit string
	// tag is the object of an annotated tag.
	tag string
}

func (r revision) matches(checksum string) bool {
	return strings.HasPrefix(r.commit, checksum) || r.tag != "" && strings.HasPrefix(r.tag, checksum)
}

// resolve asks the remote, unless the request names a whole commit.
func (r Request) resolve() (revision, error) {
	if wholeCommit.MatchString(r.Ref) {
		return revision{commit: r.Ref}, nil
	}
	if r.Commit != "" {
		return known(r.Ref, r.Commit)
	}
	ref := nameOf(r.Ref)
	said, err := git{}.output("ls-remote", "--quiet", "--", r.Remote, ref, ref+"^{}")
	if err != nil {
		return revision{}, err
	}
	found := choose(said, ref)
	if found.commit == "" {
		return revision{}, fmt.Errorf("the repository has no branch or tag %s", ref)
	}
	return found, nil
}

func known(ref, commit string) (revision, error) {
	if !wholeCommit.MatchString(commit) {
		return revision{}, fmt.Errorf("%s is no commit", commit)
	}
	if strings.HasPrefix(ref, "refs/") {
		return revision{name: ref, commit: commit}, nil
	}
	return revision{commit: commit}, nil
}

// choose prefers the whole name, then branches, then tags, as git does. What ls-remote lists only ends in the name.
func choose(listed, ref string) revision {
	commits := map[string]string{}
	for _, line := range strings.Split(listed, "\n") {
		if commit, name, isPair := strings.Cut(line, "\t"); isPair && wholeCommit.MatchString(commit) {
			commits[name] = commit
		}
	}
	for _, name := range []string{ref, "refs/" + ref, "refs/heads/" + ref, "refs/tags/" + ref} {
		commit, isKnown := commits[name]
		if !isKnown {
			continue
		}
		if peeled, isTag := commits[name+"^{}"]; isTag {
			return revision{name: name, commit: peeled, tag: commit}
		}
		return revision{name: name, commit: commit}
	}
	return revision{}
}
