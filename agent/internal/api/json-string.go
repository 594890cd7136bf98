package api

import (
	"strconv"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// appendJSONString appends text as a JSON string; bytes that are not UTF-8 become U+FFFD.
func appendJSONString(into []byte, text []byte) []byte {
	into = append(into, '"')
	for len(text) > 0 {
		if plain := plainPrefix(text); plain > 0 {
			into = append(into, text[:plain]...)
			text = text[plain:]
			continue
		}
		if text[0] < utf8.RuneSelf {
			into = appendEscaped(into, text[0])
			text = text[1:]
			continue
		}
		char, size := utf8.DecodeRune(text)
		into = utf8.AppendRune(into, char)
		text = text[size:]
	}
	return append(into, '"')
}

// plainPrefix counts leading ASCII bytes that JSON takes as they are.
func plainPrefix(text []byte) int {
	for index, char := range text {
		if char < ' ' || char >= utf8.RuneSelf || char == '"' || char == '\\' {
			return index
		}
	}
	return len(text)
}

func appendEscaped(into []byte, char byte) []byte {
	switch char {
	case '"', '\\':
		return append(into, '\\', char)
	case '\n':
		return append(into, '\\', 'n')
	case '\r':
		return append(into, '\\', 'r')
	case '\t':
		return append(into, '\\', 't')
	}
	return append(into, '\\', 'u', '0', '0', hexDigits[char>>4], hexDigits[char&0xf])
}

func appendInt(into []byte, value int64) []byte {
	return strconv.AppendInt(into, value, 10)
}
