package fetch

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func redirect(status int, to string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Location"] = []string{to}
		w.WriteHeader(status)
	}
}

func TestRedirects(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		c := newCloud(t, inTurn(redirect(status, "/elsewhere?token=SECRET2"), serveFile(content, `"v1"`)))
		o := c.options()
		o.URL = strings.Replace(o.URL, "https://", "https://user:password@", 1)
		_, err := Get(t.Context(), o)
		wantDone(t, o, err)
		first, second := c.requests()[0], c.requests()[1]
		if user, password, _ := first.BasicAuth(); user != "user" || password != "password" {
			t.Errorf("%d: first asked as %q", status, user)
		}
		if second.URL.String() != "/elsewhere?token=SECRET2" {
			t.Errorf("%d: led to %s", status, second.URL)
		}
	}
}

// What opens one server is not for the next one to know.
func TestRedirectHandsNothingOn(t *testing.T) {
	other := newCloud(t, serveFile(content, `"v1"`))
	c := newCloud(t, func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
		redirect(302, other.URL+"/x")(w, r)
	})
	o := c.options()
	o.Roots.AddCert(other.Certificate())
	o.URL = strings.Replace(o.URL, "https://", "https://user:password@", 1)
	_, err := Get(t.Context(), o)
	wantDone(t, o, err)
	for _, name := range []string{"Referer", "Authorization", "Cookie"} {
		if v := other.requests()[0].Header.Get(name); v != "" {
			t.Errorf("%s %q was handed on", name, v)
		}
	}
}

func TestRedirectsThatAreRefused(t *testing.T) {
	plain := httptest.NewServer(serveFile(content, `"v1"`))
	defer plain.Close()
	tests := []struct{ name, to, want string }{
		{"to HTTP", plain.URL + "/x?token=SECRET", "the server redirects from https to " + plain.URL + "/x?...: refused"},
		{"to a file", "file:///etc/passwd", `the server redirects to "file"`},
		{"to nowhere", "", "the server redirects to nowhere"},
		{"to no URL", "https://[::1/", "the server redirects to what is no URL"},
		{"to no host", "https:///x", `the server redirects to "https"`},
		{"round and round", "/dir/file.bin", "more than 10 redirects"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCloud(t, redirect(302, tt.to))
			o := c.options()
			_, err := Get(t.Context(), o)
			wantError(t, err, tt.want)
			if got := left(t, o.File); got != "" {
				t.Errorf("left in the directory: %s", got)
			}
		})
	}
}

// From HTTP to HTTPS is the usual way.
func TestRedirectFromHTTP(t *testing.T) {
	c := newCloud(t, serveFile(content, `"v1"`))
	plain := httptest.NewServer(redirect(301, c.URL+"/x"))
	defer plain.Close()
	o := c.options()
	o.URL = plain.URL + "/y"
	_, err := Get(t.Context(), o)
	wantDone(t, o, err)
}
