package exec

import (
	"strconv"
	"syscall"

	"jobbox/internal/jsontext"
)

// limitedSpec is what the program is told, in one argument; argv and
// environment are the step's own.
type limitedSpec struct {
	path   string
	home   string
	cred   *syscall.Credential
	limits Limits
}

func (s limitedSpec) encode() string {
	var w jsontext.Writer
	w.BeginObject()
	putText(&w, "path", s.path)
	putText(&w, "home", s.home)
	putInt(&w, "cpu", int64(s.limits.CPU))
	putInt(&w, "addressSpace", int64(s.limits.AddressSpace))
	putInt(&w, "openFiles", int64(s.limits.OpenFiles))
	putInt(&w, "processes", int64(s.limits.Processes))
	if s.cred != nil {
		putInt(&w, "uid", int64(s.cred.Uid))
		putInt(&w, "gid", int64(s.cred.Gid))
		w.Key("groups")
		w.BeginArray()
		for _, g := range s.cred.Groups {
			w.Int(int64(g))
		}
		w.EndArray()
	}
	w.EndObject()
	return string(w.Bytes())
}

func parseLimitedSpec(text string) (limitedSpec, error) {
	v, err := jsontext.Parse([]byte(text), maxMessage)
	if err != nil {
		return limitedSpec{}, err
	}
	f := fields{v: v}
	s := limitedSpec{path: f.text("path"), home: f.textOr("home"),
		limits: Limits{CPU: f.limit("cpu"), AddressSpace: f.limit("addressSpace"),
			OpenFiles: f.limit("openFiles"), Processes: f.limit("processes")}}
	if v.Get("uid").Exists() {
		s.cred = &syscall.Credential{Uid: f.accountID("uid"), Gid: f.accountID("gid")}
		groups, err := v.Get("groups").Array()
		f.keep(err)
		for _, g := range groups {
			n, err := g.Int()
			f.keep(err)
			s.cred.Groups = append(s.cred.Groups, uint32(n))
		}
	}
	return s, f.err
}

func (f *fields) accountID(key string) uint32 {
	id, ok := parseAccountID([]byte(strconv.FormatInt(f.int(key), 10)))
	if !ok {
		f.keep(f.v.Get(key).Errorf("want a user or group number"))
	}
	return id
}
