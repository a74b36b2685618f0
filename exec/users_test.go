package exec

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const passwdText = `root:x:0:0:root:/root:/bin/sh
# comment:x:1:1:::
+nis:x:2:2:::
-gone:x:2:2:::
short:x:3:3
long:x:4:4::::
empty-uid:x::5:::
empty-gid:x:5::::
minus:x:-1:5:::
plus:x:+1:5:::
spaces:x: 7:7:::
huge:x:4294967296:5:::
all-ones:x:4294967295:5:::
all-ones-gid:x:5:4294967295:::
:x:0:0:::
toor:x:0:0::/root:/bin/sh
ann:x:1000:1000:Ann,,,:/home/ann:/bin/ash
ann:x:0:0:second:/root:/bin/sh
bare:x:1001:1001:::
last:x:65535:65535::/:`

func TestScanPasswd(t *testing.T) {
	tests := []struct {
		name string
		want User
		ok   bool
	}{
		{"root", User{Name: "root", Home: "/root", Shell: "/bin/sh"}, true},
		{"toor", User{Name: "toor", Home: "/root", Shell: "/bin/sh"}, true},
		{"ann", User{Name: "ann", UID: 1000, GID: 1000, Home: "/home/ann", Shell: "/bin/ash"}, true},
		{"bare", User{Name: "bare", UID: 1001, GID: 1001}, true},
		{"last", User{Name: "last", UID: 65535, GID: 65535, Home: "/"}, true},
	}
	for _, name := range []string{"", "# comment", "+nis", "-gone", "short", "long", "empty-uid", "empty-gid", "minus",
		"plus", "spaces", "huge", "all-ones", "all-ones-gid", "none", "Ann", "ann ", "ann:x", "1000", "0"} {
		tests = append(tests, struct {
			name string
			want User
			ok   bool
		}{name: name})
	}
	for _, tt := range tests {
		got, err := scanPasswd(strings.NewReader(passwdText), func(u User) bool { return u.Name == tt.name })
		if (err == nil) != tt.ok || err != nil && !errors.Is(err, errNoUser) ||
			tt.ok && (got.Name != tt.want.Name || got.UID != tt.want.UID || got.GID != tt.want.GID || got.Home != tt.want.Home || got.Shell != tt.want.Shell) {
			t.Errorf("user %q: %+v, %v; want %+v, found: %v", tt.name, got, err, tt.want, tt.ok)
		}
	}
}

func TestScanPasswdSkipsOverlongLines(t *testing.T) {
	for _, n := range []int{maxEntry - 10, maxEntry, 3 * maxEntry} {
		text := "evil:x:" + strings.Repeat("0", n) + ":0:::\nann:x:1000:1000:::\n"
		if u, err := scanPasswd(strings.NewReader(text), func(u User) bool { return u.Name == "ann" }); err != nil || u.UID != 1000 {
			t.Errorf("behind a line of %d bytes: %+v, %v", n, u, err)
		}
	}
	// What follows an overlong line's first part must not be read as a line.
	text := strings.Repeat("x", maxEntry) + "ann:x:0:0:::\n"
	if u, err := scanPasswd(strings.NewReader(text), func(User) bool { return true }); err == nil {
		t.Errorf("the end of an overlong line was taken for an entry: %+v", u)
	}
}

func TestScanGroups(t *testing.T) {
	const text = `root:x:0:
bad:x:x:ann
neg:x:-5:ann
ones:x:4294967295:ann
+nis:x:9:ann
short:x:10
a:x:20:ann
b:x:30:bob,ann,eve
again:x:30:ann
c:x:40:bob,annette, ann,xann
own:x:1000:ann
ann:x:50:
d:x:60:ann`
	got, err := scanGroups(strings.NewReader(text), "ann", 1000)
	if want := []uint32{1000, 20, 30, 60}; err != nil || !slices.Equal(got, want) {
		t.Errorf("groups %v, %v; want %v", got, err, want)
	}
}

func TestScanGroupsIsBounded(t *testing.T) {
	var b strings.Builder
	for i := range 5000 {
		b.WriteString("g:x:" + strings.Repeat("1", 1+i%9) + string(rune('0'+i%10)) + ":ann\n")
	}
	if got, err := scanGroups(strings.NewReader(b.String()), "ann", 1); err != nil || len(got) > maxGroups {
		t.Errorf("%d groups, %v", len(got), err)
	}
}

// useDatabase puts a user database of the test's own in the place of /etc's.
func useDatabase(t *testing.T, passwd, group string) {
	t.Helper()
	dir := t.TempDir()
	oldPasswd, oldGroup := passwdFile, groupFile
	t.Cleanup(func() { passwdFile, groupFile = oldPasswd, oldGroup })
	passwdFile, groupFile = filepath.Join(dir, "passwd"), filepath.Join(dir, "group")
	for path, text := range map[string]string{passwdFile: passwd, groupFile: group} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLookupUser(t *testing.T) {
	useDatabase(t, passwdText, "x:x:7:ann\n")
	u, err := LookupUser("ann")
	if err != nil || u.UID != 1000 || !slices.Equal(u.Groups, []uint32{1000, 7}) {
		t.Errorf("LookupUser(ann) = %+v, %v", u, err)
	}
	if _, err := LookupUser("eve\n"); err == nil || !strings.Contains(err.Error(), `user "eve\n": no such user`) {
		t.Errorf("LookupUser(eve) = %v", err)
	}
	os.Remove(groupFile)
	if u, err := LookupUser("ann"); err != nil || !slices.Equal(u.Groups, []uint32{1000}) {
		t.Errorf("without a group file: %+v, %v", u, err)
	}
	os.Remove(passwdFile)
	if _, err := LookupUser("root"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a passwd file: %v; nobody can be had then", err)
	}
}

func FuzzUsers(f *testing.F) {
	f.Add([]byte(passwdText), "ann")
	f.Add([]byte("a:x:00:00:::"), "a")
	f.Fuzz(func(t *testing.T, text []byte, name string) {
		u, err := scanPasswd(strings.NewReader(string(text)), func(u User) bool { return u.Name == name })
		if err == nil && (u.Name != name || name == "" || u.UID == 1<<32-1 || u.GID == 1<<32-1) {
			t.Errorf("user %q: %+v", name, u)
		}
		if err == nil && u.UID == 0 && !strings.Contains(string(text), ":0") {
			t.Errorf("user %q became root out of %q", name, text)
		}
		groups, err := scanGroups(strings.NewReader(string(text)), name, 5)
		if err != nil || groups[0] != 5 || len(groups) > maxGroups || slices.Contains(groups, 1<<32-1) {
			t.Errorf("groups of %q: %v, %v", name, groups, err)
		}
	})
}
