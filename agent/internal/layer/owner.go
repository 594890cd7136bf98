package layer

import (
	"archive/tar"
	"os"
	"strconv"
	"strings"

	"atoll.dev/agent/internal/account"
)

// owner gives files to somebody; nil leaves them to whom they belong.
type owner struct{ uid, gid int }

// parseOwner reads `user[:group]` by the accounts of the root. A number without a group is the number of both.
func parseOwner(text string) (*owner, error) {
	if text == "" {
		return nil, nil
	}
	user, group, hasGroup := strings.Cut(text, ":")
	if id, err := strconv.ParseUint(user, 10, 32); err == nil && !hasGroup {
		return &owner{int(id), int(id)}, nil
	}
	if hasGroup && group == "" {
		text = user
	}
	credential, err := account.NewDirectory("/", "root").Resolve(text)
	if err != nil {
		return nil, invalid("--chown=%s: %v", text, err)
	}
	return &owner{int(credential.UID), int(credential.GID)}, nil
}

func (o *owner) apply(header *tar.Header) {
	if o != nil {
		header.Uid, header.Gid = o.uid, o.gid
	}
}

// makeDirs makes the directories that are missing, for the owner.
func (o *owner) makeDirs(path string) error {
	if info, err := os.Stat(path); err == nil {
		if !info.IsDir() {
			return invalid("%s is no directory", path)
		}
		return nil
	}
	parent := parentOf(path)
	if err := o.makeDirs(parent); err != nil {
		return err
	}
	if target, err := os.Readlink(path); err == nil {
		// A link to a directory that does not exist yet: it comes to be where the link leads.
		return o.makeDirs(resolveLink(parent, target))
	}
	if err := os.Mkdir(path, 0o755); err != nil {
		return err
	}
	if o == nil {
		return nil
	}
	return os.Lchown(path, o.uid, o.gid)
}
