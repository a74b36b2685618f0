package boot

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFindMirror(t *testing.T) {
	tests := []struct {
		name, file, text, want string
	}{
		{"one line", "sources.list", "# deb http://no.example/debian x main\ndeb http://a.example/debian bookworm main\n", "http://a.example/debian"},
		{"options", "sources.list", "deb [arch=amd64 signed-by=/x] https://a.example/debian/ bookworm main\n", "https://a.example/debian"},
		{"deb822", "sources.list.d/debian.sources", "Types: deb\nURIs: http://a.example/debian\nSuites: bookworm\n", "http://a.example/debian"},
		{"security first", "sources.list", "deb http://a.example/debian-security bookworm-security main\ndeb http://b.example/debian bookworm main\n", "http://b.example/debian"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, tt.file)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(tt.text), 0o644); err != nil {
				t.Fatal(err)
			}
			if got, err := findMirror(dir); got != tt.want || err != nil {
				t.Errorf("findMirror = %q, %v; want %q", got, err, tt.want)
			}
		})
	}
	if got, err := findMirror(t.TempDir()); err == nil {
		t.Errorf("findMirror of nothing = %q; want an error", got)
	}
}
