package account

import (
	"slices"
	"strconv"
)

// Names are what people call a user and a group; one that the image does not have goes by its number.
func (d *Directory) Names(uid, gid uint32) (owner, ownerGroup string) {
	users, groups := d.database.load()
	owner, ownerGroup = strconv.FormatUint(uint64(uid), 10), strconv.FormatUint(uint64(gid), 10)
	if index := slices.IndexFunc(users, func(u user) bool { return u.uid == uid }); index >= 0 {
		owner = users[index].name
	}
	if index := slices.IndexFunc(groups, func(g group) bool { return g.gid == gid }); index >= 0 {
		ownerGroup = groups[index].name
	}
	return owner, ownerGroup
}
