package fetch

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"

	"jobbox/internal/safefile"
)

// infoVersion is the first line of FILE.part.info.
const infoVersion = "jobbox-part 1"

const maxInfo = 1024

// origin tells contents of different places apart. The query is left out: a
// presigned URL has a new one each time it is made.
func origin(u *url.URL) string {
	sum := sha256.Sum256([]byte(u.Scheme + "://" + u.Host + u.EscapedPath()))
	return hex.EncodeToString(sum[:])
}

func (p *part) info() string { return p.path + ".info" }

// checkpoint makes what is there last, and then says how much that is: what a
// power cut leaves beyond may be anything.
func (p *part) checkpoint() {
	p.synced = p.size // where it fails it is tried again some megabytes later
	if p.validator == "" || p.size == 0 || p.f.Sync() != nil {
		return
	}
	text := strings.Join([]string{infoVersion, p.origin, p.validator, strconv.FormatInt(p.size, 10), ""}, "\n")
	// Without it the next download begins at 0: no reason to give this one up.
	_ = safefile.Write(p.info(), []byte(text), 0o600)
}

// abandon leaves behind what another download can take up, and else nothing.
func (p *part) abandon() {
	if p.gone {
		return
	}
	if p.validator == "" || p.size == 0 {
		p.discard()
		return
	}
	p.checkpoint()
}

// recall learns from the info file how much of the part may be built upon, and
// what it is a part of.
func (p *part) recall() {
	st, err := os.Lstat(p.info())
	if err != nil {
		return
	}
	if own, ok := st.Sys().(*syscall.Stat_t); !ok || own.Uid != uint32(os.Geteuid()) {
		return
	}
	text, err := safefile.Read(p.info(), maxInfo)
	if err != nil {
		return
	}
	origin, validator, size, ok := parseInfo(string(text))
	if now, err := p.f.Stat(); !ok || err != nil || origin != p.origin || now.Size() < size {
		return
	}
	p.validator, p.size = validator, size
}

func parseInfo(text string) (origin, validator string, size int64, ok bool) {
	lines := strings.Split(text, "\n")
	if len(lines) != 5 || lines[0] != infoVersion || lines[4] != "" {
		return "", "", 0, false
	}
	size, err := parseCount(lines[3])
	if err != nil || size == 0 || lines[2] == "" {
		return "", "", 0, false
	}
	if strings.ContainsFunc(lines[2], func(r rune) bool { return r < ' ' || r > '~' }) {
		return "", "", 0, false
	}
	return lines[1], lines[2], size, true
}
