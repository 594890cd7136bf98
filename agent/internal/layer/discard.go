package layer

import "os"

// Discarded are paths below the root whose files no step may see.
type Discarded struct {
	Paths []string `json:"paths"`
}

// Remove takes them away, where they are.
func (d Discarded) Remove() error {
	for _, path := range d.Paths {
		if err := os.RemoveAll("/" + path); err != nil {
			return err
		}
	}
	return nil
}
