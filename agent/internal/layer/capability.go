package layer

import "encoding/binary"

const (
	capabilityXattr = "security.capability"
	// A revision 3 capability names the root of the user namespace that it counts in; revision 2 counts everywhere.
	revisionMask = 0xff000000
	revision2    = 0x02000000
	revision3    = 0x03000000
	sizeWithRoot = 24
)

// rootless makes a file capability that was set in a user namespace one of the image.
func rootless(value string) string {
	data := []byte(value)
	if len(data) != sizeWithRoot {
		return value
	}
	magic := binary.LittleEndian.Uint32(data)
	if magic&revisionMask != revision3 {
		return value
	}
	binary.LittleEndian.PutUint32(data, magic&^revisionMask|revision2)
	return string(data[:sizeWithRoot-4])
}
