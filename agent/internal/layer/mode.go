package layer

import (
	"strconv"
	"strings"
)

// modeChange gives the mode that --chmod makes of one.
type modeChange func(mode int64, isDirectory bool) int64

// parseMode reads an octal mode, or a symbolic one as chmod(1) takes it.
func parseMode(text string) (modeChange, error) {
	if text == "" {
		return func(mode int64, _ bool) int64 { return mode }, nil
	}
	if octal, err := strconv.ParseInt(text, 8, 32); err == nil {
		return func(int64, bool) int64 { return octal }, nil
	}
	var changes []modeChange
	for _, clause := range strings.Split(text, ",") {
		parsed, err := parseClause(clause)
		if err != nil {
			return nil, err
		}
		changes = append(changes, parsed...)
	}
	return func(mode int64, isDirectory bool) int64 {
		for _, change := range changes {
			mode = change(mode, isDirectory)
		}
		return mode
	}, nil
}

const operators = "+-="

func parseClause(clause string) ([]modeChange, error) {
	first := strings.IndexAny(clause, operators)
	if first < 0 {
		return nil, invalid("--chmod=%s is no mode", clause)
	}
	who, rest := clause[:first], clause[first:]
	if who == "" {
		who = "a"
	}
	var changes []modeChange
	for rest != "" {
		operator, letters := rest[0], rest[1:]
		rest = ""
		if next := strings.IndexAny(letters, operators); next >= 0 {
			letters, rest = letters[:next], letters[next:]
		}
		changes = append(changes, change(who, operator, letters))
	}
	return changes, nil
}

func change(who string, operator byte, letters string) modeChange {
	return func(mode int64, isDirectory bool) int64 {
		bits, cleared := bitsOf(who, letters, mode, isDirectory)
		switch operator {
		case '+':
			return mode | bits
		case '-':
			return mode &^ bits
		}
		return mode&^cleared | bits
	}
}

// bitsOf are the bits that the letters mean for who, and all those that `=` replaces.
func bitsOf(who, letters string, mode int64, isDirectory bool) (bits, cleared int64) {
	shifts := map[rune]uint{'u': 6, 'g': 3, 'o': 0}
	special := map[rune]int64{'u': 0o4000, 'g': 0o2000}
	for _, class := range strings.ReplaceAll(who, "a", "ugo") {
		cleared |= 7<<shifts[class] | special[class]
		for _, letter := range letters {
			switch letter {
			case 'r':
				bits |= 4 << shifts[class]
			case 'w':
				bits |= 2 << shifts[class]
			case 'x':
				bits |= 1 << shifts[class]
			case 'X':
				if isDirectory || mode&0o111 != 0 {
					bits |= 1 << shifts[class]
				}
			case 's':
				bits |= special[class]
			case 'u', 'g', 'o':
				bits |= mode >> shifts[letter] & 7 << shifts[class]
			}
		}
	}
	if strings.Contains(letters, "t") {
		bits |= 0o1000
	}
	return bits, cleared
}
