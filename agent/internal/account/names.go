package account

import (
	"slices"
	"strconv"
)

// Namer says what people call a user and a group; one that the image does not have goes by its number.
type Namer func(uid, gid uint32) (owner, ownerGroup string)

// Namer knows the names as they are now, for all entries of a list.
func (d *Directory) Namer() Namer {
	users, groups := d.database.load()
	return func(uid, gid uint32) (owner, ownerGroup string) {
		owner, ownerGroup = strconv.FormatUint(uint64(uid), 10), strconv.FormatUint(uint64(gid), 10)
		if index := slices.IndexFunc(users, func(u user) bool { return u.uid == uid }); index >= 0 {
			owner = users[index].name
		}
		if index := slices.IndexFunc(groups, func(g group) bool { return g.gid == gid }); index >= 0 {
			ownerGroup = groups[index].name
		}
		return owner, ownerGroup
	}
}
