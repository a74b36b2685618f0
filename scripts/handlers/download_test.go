package handlers

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const fileText = "the file\nof the cloud\n"

func fileSum() string {
	sum := sha256.Sum256([]byte(fileText))
	return hex.EncodeToString(sum[:])
}

// jobboxStandIn can fetch, and notes how it was asked to.
const jobboxStandIn = `case $2 in --help) exit 0 ;; esac
env | grep -e ^https_proxy -e ^SSL_CERT_FILE >>/calls
[ "$1" = fetch ] && echo fetched`

func TestDownloadByJobbox(t *testing.T) {
	const url = "https://example.com/x?X-Amz-Signature=SECRET&a=b"
	sum := strings.ToUpper(fileSum())
	d := newDevice(t)
	d.program("jobbox", jobboxStandIn)
	d.program("curl", "exit 1")
	d.write("etc/jobbox/download.env", "https_proxy=http://proxy:3128\nSSL_CERT_FILE=/etc/ca.pem\n", 0o644)
	d.run("download-file.sh", "root", url, "/data/a file", sum).check(t, "download", 0, "fetched\n", "")
	want := "jobbox fetch --help\njobbox fetch --sha256 " + fileSum() + " -- " + url + " /data/a file\n"
	if got := d.calls(); !strings.HasPrefix(got, want) || !strings.Contains(got, "https_proxy=http://proxy:3128\n") || !strings.Contains(got, "SSL_CERT_FILE=/etc/ca.pem\n") {
		t.Errorf("called\n%s; want\n%s and the environment of download.env", got, want)
	}
}

func TestDownloadArguments(t *testing.T) {
	d := newDevice(t)
	d.program("jobbox", jobboxStandIn)
	const url = "https://example.com/x?SECRET"
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, "want RUNASUSER URL FILE [SHA256], got 0 arguments"},
		{[]string{"", url}, "got 2 arguments"},
		{[]string{"", url, "/f", fileSum(), "x"}, "got 5 arguments"},
		{[]string{"", "", "/f"}, "the URL must begin with"},
		{[]string{"", "ftp://h/x", "/f"}, "the URL must begin with"},
		{[]string{"", "--help", "/f"}, "the URL must begin with"},
		{[]string{"", "https://", "/f"}, "the URL must begin with"},
		{[]string{"", "file:///etc/shadow", "/f"}, "the URL must begin with"},
		{[]string{"", url + " -o /etc/passwd", "/f"}, "holds a space"},
		{[]string{"", url + "\nx", "/f"}, "holds a space"},
		{[]string{"", url + "\u00e9", "/f"}, "holds a space"},
		{[]string{"", url, ""}, "the name of the file is empty"},
		{[]string{"", url, "-o"}, "begins with a dash"},
		{[]string{"", url, "/a\nb"}, "control character"},
		{[]string{"", url, "/data/"}, "names a directory"},
		{[]string{"", url, "/f", "abc"}, "a SHA-256 has 64 hexadecimal digits, got 3"},
		{[]string{"", url, "/f", "$(reboot)"}, "something else than hexadecimal digits"},
	} {
		got := d.run("download-file.sh", tt.args...)
		got.check(t, call("download-file.sh", tt.args), 2, "", tt.want)
		if strings.Contains(got.stderr, "SECRET") {
			t.Errorf("the URL is given away: %s", got.stderr)
		}
	}
	if d.calls() != "" {
		t.Errorf("called %s", d.calls())
	}
}

// wgetDevice has nothing but BusyBox's own wget, and a server to ask.
func wgetDevice(t *testing.T) (*device, *httptest.Server) {
	d := newDevice(t)
	if err := os.Symlink("busybox", d.path("bin/wget")); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/file" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(fileText))
	}))
	t.Cleanup(server.Close)
	return d, server
}

func TestDownloadByWget(t *testing.T) {
	d, server := wgetDevice(t)
	for _, tt := range []struct {
		name, url, file, sum string
		status               int
		stderr               string
	}{
		{"plain", server.URL + "/file", "/data/a b", "", 0, ""},
		{"checked", server.URL + "/file", "/data/checked", fileSum(), 0, ""},
		{"wrong sum", server.URL + "/file", "/data/wrong", strings.Repeat("0", 64), 1, "the file has the SHA-256 " + fileSum()},
		{"not there", server.URL + "/nil", "/data/nil", "", 1, "download to /data/nil failed, exit status 1"},
		{"directory", server.URL + "/file", "/data", "", 1, "/data is a directory"},
		{"no directory", server.URL + "/file", "/nil/x", "", 1, "download to /nil/x failed"},
		{"https", "https://example.com/file", "/data/x", "", 3, "/bin/wget does not verify certificates"},
	} {
		got := d.run("download-file.sh", "", tt.url, tt.file, tt.sum)
		got.check(t, tt.name, tt.status, "", tt.stderr)
		if tt.status == 0 && d.read(tt.file) != fileText {
			t.Errorf("%s: the file holds %q", tt.name, d.read(tt.file))
		}
	}
	if got := d.installed(); got != "a b checked" {
		t.Errorf("left behind: %s", got)
	}
}

func TestDownloadByCurl(t *testing.T) {
	d := newDevice(t)
	d.program("jobbox", "exit 2") // built without fetch
	d.program("curl", `while [ "$1" != -o ]; do shift; done; echo "some warning" >&2; echo x >"$2"`)
	d.run("download-file.sh", "", "https://example.com/x", "/data/x").check(t, "download", 0, "/data/x: downloaded\n", "")
	if got := d.calls(); !strings.HasPrefix(got, "jobbox fetch --help\ncurl -g") || !strings.Contains(got, "--proto-redir =https,https ") || !strings.HasSuffix(got, " -- https://example.com/x\n") || d.installed() != "x" {
		t.Errorf("called %s, left %s", got, d.installed())
	}
}

func TestDownloadByNothing(t *testing.T) {
	d := newDevice(t)
	d.run("download-file.sh", "", "https://example.com/x", "/data/x").check(t, "download", 3, "", "nothing here can fetch: looked for jobbox, curl and wget")
}

// Whoever owns the directory that is downloaded to may put a link to another file
// in the place of everything in it, at the worst moment.
func TestDownloadIsNotLedAway(t *testing.T) {
	d := newDevice(t)
	d.write("precious", "precious", 0o644)
	d.program("curl", `while [ "$1" != -o ]; do shift; done
for part in /data/x.part.*; do
	mv "$part" /data/away
	mkdir "$part"
	ln -s /precious "$part/part"
done
echo x >"$2"
`)
	d.run("download-file.sh", "", "https://example.com/x", "/data/x").check(t, "led away", 0, "/data/x: downloaded\n", "")
	if got := d.read("precious"); got != "precious" || d.read("data/x") != "x\n" {
		t.Errorf("the link's target holds %q, the file %q", got, d.read("data/x"))
	}
}

// A secret stays one.
func TestDownloadKeepsTheMode(t *testing.T) {
	d := newDevice(t)
	d.write("data/x", "old", 0o600)
	d.program("curl", `while [ "$1" != -o ]; do shift; done; echo x >"$2"`)
	d.run("download-file.sh", "", "https://example.com/x", "/data/x").check(t, "download", 0, "/data/x: downloaded\n", "")
	if info, err := os.Stat(d.path("data/x")); err != nil || info.Mode() != 0o600 || d.read("data/x") != "x\n" {
		t.Errorf("%v, %v, holds %q", info.Mode(), err, d.read("data/x"))
	}
}

// parentStandIn makes this test's own binary the jobbox that a handler finds as
// its parent: called with "fetch" it says so, else it runs the handler.
const parentStandIn = "HANDLERS_TEST_PARENT"

func TestMain(m *testing.M) {
	if os.Getenv(parentStandIn) == "" {
		os.Exit(m.Run())
	}
	if len(os.Args) > 1 && os.Args[1] == "fetch" {
		_, _ = os.Stdout.WriteString("fetched by the parent: " + strings.Join(os.Args[2:], " ") + "\n")
		os.Exit(0)
	}
	cmd := exec.Command(os.Getenv("BUSYBOX"), "sh", "download-file.sh", "", "https://example.com/x", "/f")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if cmd.Run() != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

// jobbox need not be in PATH, and what runs need not be there any more: a
// package upgrade may have replaced it.
func TestDownloadByTheParent(t *testing.T) {
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatalf("%v: apt-get install busybox-static", err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent := filepath.Join(t.TempDir(), "jobbox")
	binary, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(parent, binary, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(parent)
	cmd.Env = []string{parentStandIn + "=1", "BUSYBOX=" + busybox, "PATH=" + filepath.Dir(parent) + "/none"}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "fetched by the parent: -- https://example.com/x /f\n") {
		t.Errorf("%v\n%s", err, out)
	}
}
