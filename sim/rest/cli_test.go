package rest

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"jobbox/sim/service"
)

// TestCLI drives the API with the real AWS CLI, version 2. Each script has a
// server of its own with a thing called my-thing.
func TestCLI(t *testing.T) {
	aws := findCLI(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			return setup(env, aws)
		},
	})
}

func setup(env *testscript.Env, aws string) error {
	s, err := service.Open("", service.Options{})
	if err != nil {
		return err
	}
	if _, err := s.CreateThing("my-thing", "", nil); err != nil {
		return err
	}
	server := httptest.NewServer(Handler(s, endpoint))
	env.Defer(func() {
		server.Close()
		s.Close()
	})
	for k, v := range map[string]string{
		"URL":                       server.URL,
		"PATH":                      filepath.Dir(aws) + string(os.PathListSeparator) + env.Getenv("PATH"),
		"HOME":                      env.WorkDir,
		"AWS_ACCESS_KEY_ID":         "AKIDEXAMPLE",
		"AWS_SECRET_ACCESS_KEY":     "secret",
		"AWS_DEFAULT_REGION":        "us-west-2",
		"AWS_PAGER":                 "",
		"AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE":           filepath.Join(env.WorkDir, "none"),
		"NO_PROXY":                  "127.0.0.1",
		"TZ":                        "UTC",
		"LC_ALL":                    "C.UTF-8",
	} {
		env.Setenv(k, v)
	}
	return nil
}

func endpoint(kind string) string {
	return map[string]string{"iot:Data-ATS": "127.0.0.1:8883"}[kind]
}

// findCLI returns the first aws in PATH that runs and is version 2: version
// managers leave names there that do not run.
func findCLI(t *testing.T) string {
	t.Helper()
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		file := filepath.Join(dir, "aws")
		out, err := exec.Command(file, "--version").Output()
		if err == nil && strings.HasPrefix(string(out), "aws-cli/2") {
			return file
		}
	}
	t.Fatal("the AWS CLI version 2 is not installed (Debian: apt-get install awscli)")
	return ""
}

func TestListenLoopbackOnly(t *testing.T) {
	for address, ok := range map[string]bool{
		"127.0.0.1:0": true, "localhost:0": true, "0.0.0.0:0": false, ":0": false, "[::]:0": false, "192.0.2.1:0": false, "example.com:0": false,
	} {
		l, err := Listen(address)
		if (err == nil) != ok {
			t.Errorf("Listen(%q): %v; want success %v", address, err, ok)
		}
		if l != nil {
			l.Close()
		}
	}
}

func TestLocalOnly(t *testing.T) {
	s, err := service.Open("", service.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	h := Handler(s, endpoint)
	tests := []struct {
		name, remote, host, origin string
		want                       int
	}{
		{"from here", "127.0.0.1:4000", "127.0.0.1:80", "", http.StatusOK},
		{"from here, IPv6", "[::1]:4000", "[::1]:80", "", http.StatusOK},
		{"by name", "127.0.0.1:4000", "localhost:80", "", http.StatusOK},
		{"from elsewhere", "192.0.2.1:4000", "127.0.0.1:80", "", http.StatusForbidden},
		{"a name pointed here", "127.0.0.1:4000", "evil.example:80", "", http.StatusForbidden},
		{"a web page", "127.0.0.1:4000", "127.0.0.1:80", "http://evil.example", http.StatusForbidden},
	}
	for _, tt := range tests {
		r := httptest.NewRequest("GET", "/things", nil)
		r.RemoteAddr, r.Host = tt.remote, tt.host
		if tt.origin != "" {
			r.Header.Set("Origin", tt.origin)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != tt.want {
			t.Errorf("%s: status %d; want %d", tt.name, w.Code, tt.want)
		}
	}
}
