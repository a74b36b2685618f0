package exec

import (
	"encoding/base64"
	"time"

	"jobbox/internal/jsontext"
)

func putText(w *jsontext.Writer, key, s string)      { w.Key(key); w.String(s) }
func putInt(w *jsontext.Writer, key string, n int64) { w.Key(key); w.Int(n) }

func putIdentity(w *jsontext.Writer, i Identity) {
	putInt(w, "pid", int64(i.PID))
	putInt(w, "start", int64(i.StartTime))
	putText(w, "boot", i.BootID)
}

// fields reads an object's members and keeps the first error. The Or forms do
// without a member that is not there.
type fields struct {
	v   jsontext.Value
	err error
}

func (f *fields) keep(err error) {
	if f.err == nil {
		f.err = err
	}
}

func (f *fields) text(key string) string {
	s, err := f.v.Get(key).Text()
	f.keep(err)
	return s
}

func (f *fields) textOr(key string) string {
	if !f.v.Get(key).Exists() {
		return ""
	}
	return f.text(key)
}

func (f *fields) int(key string) int64 {
	n, err := f.v.Get(key).Int()
	f.keep(err)
	return n
}

func (f *fields) intOr(key string) int64 {
	if !f.v.Get(key).Exists() {
		return 0
	}
	return f.int(key)
}

func (f *fields) boolOr(key string) bool {
	if !f.v.Get(key).Exists() {
		return false
	}
	b, err := f.v.Get(key).Bool()
	f.keep(err)
	return b
}

func (f *fields) texts(key string) []string {
	if !f.v.Get(key).Exists() {
		return nil
	}
	items, err := f.v.Get(key).Array()
	f.keep(err)
	var out []string
	for _, item := range items {
		s, err := item.Text()
		f.keep(err)
		out = append(out, s)
	}
	return out
}

// maxMicros keeps a duration from turning over: a hundred years.
const maxMicros = 100 * 365 * 24 * 3600 * 1000000

func (f *fields) micros(key string) time.Duration {
	n := f.intOr(key)
	if n < 0 || n > maxMicros {
		f.keep(f.v.Get(key).Errorf("want 0 to %d microseconds, got %d", int64(maxMicros), n))
		return 0
	}
	return time.Duration(n) * time.Microsecond
}

func (f *fields) base64(key string) string {
	b, err := base64.StdEncoding.DecodeString(f.textOr(key))
	if err != nil {
		f.keep(f.v.Get(key).Errorf("%w", err))
		return ""
	}
	return string(b[:min(len(b), maxTail)])
}

func (f *fields) identity() Identity {
	return Identity{PID: int(f.int("pid")), StartTime: uint64(f.int("start")), BootID: f.text("boot")}
}
