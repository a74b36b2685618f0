package jobs

import (
	"strings"

	"jobbox/internal/jsontext"
)

// space is what a command's tokens are trimmed of: space, tab, newline, VT, FF
// and CR (SPEC 1.1), and no other white space.
const space = " \t\n\v\f\r"

// parseCommand reads the input of a runCommand action.
func parseCommand(v jsontext.Value) ([]string, error) {
	s, err := required(v)
	if err != nil {
		return nil, err
	}
	argv := splitCommand(s)
	if len(argv) == 0 {
		return nil, v.Errorf("want a command, got nothing but commas and white space")
	}
	if strings.ContainsAny(argv[0], space) {
		return nil, v.Errorf("want commas between the words, got white space in the first, %q", cut(argv[0], 64))
	}
	return argv, nil
}

// splitCommand splits at each comma that has no backslash before it. \, is a
// literal comma, every other backslash is literal; tokens are trimmed, and
// empty ones dropped.
func splitCommand(s string) []string {
	var argv []string
	var token strings.Builder
	end := func() {
		if t := strings.Trim(token.String(), space); t != "" {
			argv = append(argv, t)
		}
		token.Reset()
	}
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == ',':
			token.WriteByte(',')
			i++
		case s[i] == ',':
			end()
		default:
			token.WriteByte(s[i])
		}
	}
	end()
	return argv
}
