//go:build !exclude_fetch

package applets

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A fetchCall is the command line of the applet fetch.
type fetchCall struct {
	url, file, sha256, ca string
	timeout               time.Duration
	maxSize               int64
}

// parseFetch reads flags and the two names in any order. Its errors never
// repeat what may be a URL.
func parseFetch(args []string) (*fetchCall, error) {
	c := &fetchCall{}
	var names []string
	for i := 0; i < len(args); i++ {
		if args[i] == "--" {
			names = append(names, args[i+1:]...)
			break
		}
		if !strings.HasPrefix(args[i], "-") {
			names = append(names, args[i])
			continue
		}
		flag, value, inline := strings.Cut(args[i], "=")
		if !inline {
			if i++; i == len(args) {
				return nil, fmt.Errorf("%.40q wants a value, or is no flag", flag)
			}
			value = args[i]
		}
		if err := c.set(flag, value); err != nil {
			return nil, err
		}
	}
	if len(names) != 2 {
		return nil, fmt.Errorf("want URL FILE, got %d names", len(names))
	}
	c.url, c.file = names[0], names[1]
	return c, nil
}

func (c *fetchCall) set(flag, value string) (err error) {
	switch flag {
	case "--sha256":
		c.sha256, err = parseSHA256(value)
	case "--timeout":
		c.timeout, err = parsePeriod(value)
	case "--max-size":
		c.maxSize, err = strconv.ParseInt(value, 10, 64)
		if err != nil || c.maxSize <= 0 {
			err = fmt.Errorf("want a number of bytes above 0, got %.40q", value)
		}
	case "--ca":
		if c.ca = value; value == "" {
			err = errors.New("want a file")
		}
	default:
		return fmt.Errorf("unknown flag %.40q: want --sha256, --timeout, --max-size or --ca", flag)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", flag, err)
	}
	return nil
}

func parseSHA256(s string) (string, error) {
	if b, err := hex.DecodeString(s); err != nil || len(b) != 32 {
		return "", fmt.Errorf("want 64 hexadecimal digits, got %.70q", s)
	}
	return strings.ToLower(s), nil
}

// parsePeriod reads 90s, 10m, or a bare number of seconds.
func parsePeriod(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		d, err = time.ParseDuration(s + "s")
	}
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("want a time as in 90s or 10m, got %.40q", s)
	}
	return d, nil
}
