package archtest

import (
	"slices"
	"strings"
	"testing"
)

// mayImport is the drawing of DESIGN.md: which packages of ours each of our
// packages may import, besides internal/*. One that is not listed imports none.
var mayImport = map[string][]string{
	"jobbox":         {"jobbox/applets"},
	"jobbox/applets": {"jobbox/config", "jobbox/mqtt", "jobbox/jobs", "jobbox/exec", "jobbox/fetch", "jobbox/scripts/handlers"},
	"jobbox/jobs":    {"jobbox/exec"},
}

// tagSets are the builds whose files together are all of ours.
var tagSets = []string{"", "exclude_jobs,exclude_fetch"}

func TestImports(t *testing.T) {
	const format = `{{$p := .ImportPath}}{{range .Imports}}{{$p}} {{.}}{{"\n"}}{{end}}`
	seen := 0
	for _, tags := range tagSets {
		for _, line := range lines(output(t, nil, "go", "list", "-tags", tags, "-f", format, "./...")) {
			from, to, _ := strings.Cut(line, " ")
			if !strings.HasPrefix(to, "jobbox/") {
				continue
			}
			seen++
			if !allowed(from, to) {
				t.Errorf("%s imports %s (tags %q): not in the drawing", from, to, tags)
			}
		}
	}
	if seen == 0 {
		t.Error("go list named no import of ours: the test looks at nothing")
	}
}

func allowed(from, to string) bool {
	if strings.HasPrefix(from, "jobbox/internal/") {
		return false // leaves
	}
	return strings.HasPrefix(to, "jobbox/internal/") || slices.Contains(mayImport[from], to)
}

func TestAllowed(t *testing.T) {
	tests := []struct {
		from, to string
		want     bool
	}{
		{"jobbox", "jobbox/applets", true},
		{"jobbox", "jobbox/jobs", false},
		{"jobbox/jobs", "jobbox/exec", true},
		{"jobbox/jobs", "jobbox/mqtt", false},
		{"jobbox/exec", "jobbox/jobs", false},
		{"jobbox/mqtt", "jobbox/internal/logging", true},
		{"jobbox/internal/logging", "jobbox/internal/jsontext", false},
		{"jobbox/elsewhere", "jobbox/exec", false},
	}
	for _, tt := range tests {
		if got := allowed(tt.from, tt.to); got != tt.want {
			t.Errorf("allowed(%q, %q) = %v; want %v", tt.from, tt.to, got, tt.want)
		}
	}
}
