package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestSummary(t *testing.T) {
	tests := []struct {
		name   string
		root   bool
		short  bool
		events string
		failed bool
		want   string // part of what is printed
	}{
		{"pass", true, false, `{"Action":"pass","Package":"p","Test":"TestA"}`, false, "1 passed, 0 failed, 0 skipped\n"},
		{"a figure", true, false, `{"Action":"attr","Package":"p","Test":"TestA","Key":"boot-1","Value":"2.5 s"}
			{"Action":"pass","Package":"p","Test":"TestA"}`, false, "TestA boot-1: 2.5 s\n"},
		{"fail", true, false, `{"Action":"output","Package":"p","Test":"TestA","Output":"a_test.go:1: why\n"}
			{"Action":"fail","Package":"p","Test":"TestA"}
			{"Action":"fail","Package":"p"}`, true, "a_test.go:1: why\n"},
		{"skip for want of a tool", true, false, `{"Action":"output","Package":"p","Test":"TestA","Output":"no qemu\n"}
			{"Action":"pass","Package":"p","Test":"TestB"}
			{"Action":"skip","Package":"p","Test":"TestA"}`, true, "skipped, and none may be: p TestA\nno qemu\n1 passed, 0 failed, 1 skipped\n"},
		{"skip of a fuzz input", true, false, `{"Action":"skip","Package":"p","Test":"FuzzA/seed#0"}
			{"Action":"pass","Package":"p","Test":"FuzzA"}`, false, "1 passed, 0 failed, 0 skipped\n"},
		{"skip of a whole fuzz test", true, false, `{"Action":"pass","Package":"p","Test":"TestB"}
			{"Action":"skip","Package":"p","Test":"FuzzA"}`, true, "1 skipped"},
		{"needs root, is not", false, false, `{"Action":"output","Package":"p","Test":"TestA","Output":"needs root\n"}
			{"Action":"skip","Package":"p","Test":"TestA"}
			{"Action":"pass","Package":"p","Test":"TestB"}`, false, "1 passed, 0 failed, 0 skipped\n"},
		{"needs root, is root", true, false, `{"Action":"output","Package":"p","Test":"TestA","Output":"needs root\n"}
			{"Action":"skip","Package":"p","Test":"TestA"}
			{"Action":"pass","Package":"p","Test":"TestB"}`, true, "1 skipped"},
		{"left out of a short run", true, true, `{"Action":"output","Package":"p","Test":"TestA","Output":"short\n"}
			{"Action":"skip","Package":"p","Test":"TestA"}
			{"Action":"pass","Package":"p","Test":"TestB"}`, false, "1 passed, 0 failed, 0 skipped\n"},
		{"left out of a full run", true, false, `{"Action":"output","Package":"p","Test":"TestA","Output":"short\n"}
			{"Action":"skip","Package":"p","Test":"TestA"}
			{"Action":"pass","Package":"p","Test":"TestB"}`, true, "1 skipped"},
		{"package without tests", true, false, `{"Action":"skip","Package":"q"}
			{"Action":"pass","Package":"p","Test":"TestB"}`, false, "1 passed"},
		{"does not build", true, false, `{"Action":"build-output","ImportPath":"p","Output":"p.go:1: syntax error\n"}
			{"Action":"pass","Package":"q","Test":"TestB"}
			{"Action":"fail","Package":"p"}`, true, "p.go:1: syntax error\na package failed outside its tests: see above\n1 passed, 1 failed"},
		{"not JSON", true, false, "p.go:1: syntax error\n" + `{"Action":"fail","Package":"p"}`, true, "p.go:1: syntax error\n"},
		{"nothing ran", true, false, ``, true, "0 passed, 0 failed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			s := newSummary(&out, tt.root, tt.short)
			if err := s.read(strings.NewReader(tt.events)); err != nil {
				t.Fatalf("read: %v", err)
			}
			if failed := s.close(); failed != tt.failed {
				t.Errorf("close() = %v; want %v", failed, tt.failed)
			}
			if !strings.Contains(out.String(), tt.want) {
				t.Errorf("printed %q; want %q in it", out.String(), tt.want)
			}
		})
	}
}
