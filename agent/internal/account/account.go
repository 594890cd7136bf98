package account

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Credential is what a process runs as and a file operation acts as.
type Credential struct {
	UID    uint32
	GID    uint32
	Groups []uint32
	Name   string
	Home   string
	Shell  string
}

var (
	// ErrUnknownUser is a user name that the image does not have.
	ErrUnknownUser = errors.New("user not found")
	// ErrInvalidUser is a user in no form that the wire knows.
	ErrInvalidUser = errors.New("invalid user")
)

// platformUser is sent by clients whether or not the image has it.
const platformUser = "tl-user"

// Directory resolves users of one root file system.
type Directory struct {
	database    database
	defaultUser string
}

// NewDirectory reads accounts below root; defaultUser is the image's.
func NewDirectory(root, defaultUser string) *Directory {
	return &Directory{database: database{root: root}, defaultUser: defaultUser}
}

// Default is the image's user, or root where the image names one that it does not have.
func (d *Directory) Default() Credential {
	if credential, err := d.parse(d.defaultUser); err == nil {
		return credential
	}
	return d.byID(0, nil)
}

// Resolve reads a user as a string: "name", "uid", "uid:gid", "name:group"; "" is the default user.
func (d *Directory) Resolve(spec string) (Credential, error) {
	if spec == "" {
		return d.Default(), nil
	}
	credential, err := d.parse(spec)
	if errors.Is(err, ErrUnknownUser) && spec == platformUser {
		return d.Default(), nil
	}
	return credential, err
}

// ResolveJSON reads a user as it stands in a request: absent, a string, or {"uid","gid"}.
func (d *Directory) ResolveJSON(raw json.RawMessage) (Credential, error) {
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return d.Default(), nil
	}
	var spec string
	if err := json.Unmarshal(raw, &spec); err == nil {
		if spec == "" {
			return Credential{}, fmt.Errorf("%w: the name is empty", ErrInvalidUser)
		}
		return d.Resolve(spec)
	}
	var ids struct {
		UID *json.Number `json:"uid"`
		GID *json.Number `json:"gid"`
	}
	if err := json.Unmarshal(raw, &ids); err != nil || ids.UID == nil {
		return Credential{}, fmt.Errorf("%w: want a name, \"uid\", \"uid:gid\" or {\"uid\",\"gid\"}", ErrInvalidUser)
	}
	return d.fromNumbers(ids.UID, ids.GID)
}

func (d *Directory) fromNumbers(uidNumber, gidNumber *json.Number) (Credential, error) {
	uid, err := parseID(uidNumber.String())
	if err != nil {
		return Credential{}, fmt.Errorf("%w: uid %s", ErrInvalidUser, uidNumber)
	}
	if gidNumber == nil {
		return d.byID(uid, nil), nil
	}
	gid, err := parseID(gidNumber.String())
	if err != nil {
		return Credential{}, fmt.Errorf("%w: gid %s", ErrInvalidUser, gidNumber)
	}
	return d.byID(uid, &gid), nil
}

func (d *Directory) parse(spec string) (Credential, error) {
	if strings.ContainsAny(spec, "\x00\n") {
		return Credential{}, fmt.Errorf("%w: control character", ErrInvalidUser)
	}
	userPart, groupPart, hasGroup := strings.Cut(spec, ":")
	var gid *uint32
	if hasGroup {
		parsed, err := d.groupID(groupPart)
		if err != nil {
			return Credential{}, err
		}
		gid = &parsed
	}
	users, _ := d.database.load()
	if index := slices.IndexFunc(users, func(u user) bool { return u.name == userPart }); index >= 0 {
		return d.credential(users[index], gid), nil
	}
	if !looksNumeric(userPart) {
		return Credential{}, fmt.Errorf("%w: %q", ErrUnknownUser, userPart)
	}
	uid, err := parseID(userPart)
	if err != nil {
		return Credential{}, fmt.Errorf("%w: uid %q", ErrInvalidUser, userPart)
	}
	return d.byID(uid, gid), nil
}

// looksNumeric is also true of what was meant as a number and is out of range, like "-1".
func looksNumeric(text string) bool {
	digits := strings.TrimLeft(text, "-+")
	return digits == "" || strings.Trim(digits, "0123456789") == ""
}

func (d *Directory) groupID(text string) (uint32, error) {
	_, groups := d.database.load()
	if index := slices.IndexFunc(groups, func(g group) bool { return g.name == text }); index >= 0 {
		return groups[index].gid, nil
	}
	if !looksNumeric(text) {
		return 0, fmt.Errorf("%w: group %q", ErrUnknownUser, text)
	}
	gid, err := parseID(text)
	if err != nil {
		return 0, fmt.Errorf("%w: gid %q", ErrInvalidUser, text)
	}
	return gid, nil
}

// byID takes what passwd knows of a uid; a uid it does not know has group 0, as in OCI images.
func (d *Directory) byID(uid uint32, gid *uint32) Credential {
	users, _ := d.database.load()
	if index := slices.IndexFunc(users, func(u user) bool { return u.uid == uid }); index >= 0 {
		return d.credential(users[index], gid)
	}
	unknown := user{uid: uid, home: "/"}
	if uid == 0 {
		unknown = user{name: "root", home: "/root"}
	}
	return d.credential(unknown, gid)
}

// credential adds the supplementary groups, which an explicit group replaces.
func (d *Directory) credential(u user, gid *uint32) Credential {
	result := Credential{UID: u.uid, GID: u.gid, Name: u.name, Home: u.home, Shell: u.shell}
	if gid != nil {
		result.GID = *gid
		return result
	}
	_, groups := d.database.load()
	for _, g := range groups {
		if u.name != "" && slices.Contains(g.members, u.name) {
			result.Groups = append(result.Groups, g.gid)
		}
	}
	return result
}

// UserName is what the image calls a uid; "" where it has no name for it.
func (d *Directory) UserName(uid uint32) string {
	users, _ := d.database.load()
	if index := slices.IndexFunc(users, func(u user) bool { return u.uid == uid }); index >= 0 {
		return users[index].name
	}
	return ""
}

// GroupName is what the image calls a gid; "" where it has no name for it.
func (d *Directory) GroupName(gid uint32) string {
	_, groups := d.database.load()
	if index := slices.IndexFunc(groups, func(g group) bool { return g.gid == gid }); index >= 0 {
		return groups[index].name
	}
	return ""
}
