package config

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

func manual(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("../docs/CONFIGURATION.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// manualTable is the table of docs/CONFIGURATION.md as the options make it.
func manualTable() string {
	code := func(s string) string {
		if s == "" {
			return ""
		}
		return "`" + s + "`"
	}
	var b strings.Builder
	b.WriteString("| key | option | variable | default | meaning, range |\n| --- | --- | --- | --- | --- |\n")
	for _, o := range options {
		flag := ""
		if o.flag != "" {
			flag = "--" + o.flag
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", code(o.key), code(flag), code(o.env()), code(o.def), o.meaning)
	}
	return b.String()
}

func TestManualHoldsTheTable(t *testing.T) {
	if want := manualTable(); !strings.Contains(manual(t), "\n"+want+"\n") {
		t.Errorf("docs/CONFIGURATION.md does not hold this table:\n%s", want)
	}
}

func TestManualNamesForeignFlags(t *testing.T) {
	text, usage := manual(t), Usage()
	for _, name := range allForeignFlags() {
		if !strings.Contains(text, "`--"+name+"`") {
			t.Errorf("docs/CONFIGURATION.md does not name --%s", name)
		}
		if !strings.Contains(usage, "--"+name) {
			t.Errorf("Usage does not name --%s", name)
		}
	}
	for _, f := range features {
		if !strings.Contains(text, "`"+f.name+"`") {
			t.Errorf("docs/CONFIGURATION.md does not name %s", f.name)
		}
	}
}

// TestManualExamples: what the manual shows as files is read without a mistake,
// and the first shows every key.
func TestManualExamples(t *testing.T) {
	blocks := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(manual(t), -1)
	if len(blocks) != 3 {
		t.Fatalf("%d JSON blocks; want the shortest file, the whole file and the proxy's", len(blocks))
	}
	if p, warnings, err := ParseProxy([]byte(blocks[2][1])); err != nil || p == nil || len(warnings) != 0 {
		t.Errorf("the proxy's file: %v, %q, %v", p, warnings, err)
	}
	for i, want := range []int{4, len(options) - 2} {
		file, err := Parse([]byte(blocks[i][1]))
		d := newDraft(os.Getenv)
		for _, o := range options {
			d.apply(o, file)
		}
		if err != nil || len(d.errs) != 0 || len(file.warnings) != 0 || len(file.values) != want {
			t.Errorf("example %d: %v, %v, %q, %d keys; want %d", i, err, d.errs, file.warnings, len(file.values), want)
		}
	}
}

func TestUsage(t *testing.T) {
	text := Usage()
	for _, o := range options {
		if o.flag != "" && !strings.Contains(text, "\n  --"+o.flag+" "+o.arg) {
			t.Errorf("Usage lacks --%s", o.flag)
		}
		if o.env() != "" && !strings.Contains(text, "variable "+o.env()+")") {
			t.Errorf("Usage lacks %s", o.env())
		}
		if !strings.Contains(text, o.key) {
			t.Errorf("Usage lacks %s", o.key)
		}
	}
	for _, line := range strings.Split(text, "\n") {
		if len(line) > 80 {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
	for _, key := range proxyKeys {
		if !strings.Contains(text, key) {
			t.Errorf("Usage lacks %s", key)
		}
	}
}

func TestOptionsAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, o := range options {
		if o.set == nil || o.meaning == "" || (o.flag == "") != (o.arg == "") || seen[o.name()] || seen[o.flag] && o.flag != "" {
			t.Errorf("option %+v", o)
		}
		seen[o.name()], seen[o.flag] = true, true
		if _, _, foreign := foreignFlag(o.flag); foreign || isForeign(o.key) {
			t.Errorf("%s is jobbox's own and the C++ client's alone", o.name())
		}
	}
	if options[0].flag != "config-file" {
		t.Error("the first option is not the file: load.go counts on that")
	}
}
