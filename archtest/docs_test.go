package archtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A page is one Markdown file and the code in it: its fenced blocks, line by
// line, and its code spans.
type page struct {
	name, text string
	code       []string
}

var (
	fence    = regexp.MustCompile("(?ms)^[ \t]*```[^\n]*\n(.*?)^[ \t]*```")
	codeSpan = regexp.MustCompile("`([^`\n]+)`")
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#+ +(.+)$`)
)

// pages are the documents: the Markdown that is ours.
func pages(t *testing.T) []page {
	var out []page
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains([]string{".git", "node_modules", "bin", "dist", ".cache", "testdata"}, d.Name()) {
			return filepath.SkipDir
		}
		if filepath.Ext(path) == ".md" {
			name, _ := filepath.Rel(root, path)
			out = append(out, newPage(name, read(t, name)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func newPage(name, text string) page {
	p := page{name: name, text: text}
	for _, block := range fence.FindAllStringSubmatch(text, -1) {
		p.code = append(p.code, lines(strings.ReplaceAll(block[1], "\\\n", " "))...)
	}
	for _, span := range codeSpan.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		p.code = append(p.code, span[1])
	}
	return p
}

// A program is one of ours, with the help of each thing it can be called for.
type program struct {
	help map[string]string // by applet or subcommand
	all  string            // everything that all of them say
}

// programs builds jobbox and jobsim and asks them, once.
func programs(t *testing.T) map[string]program {
	t.Helper()
	asked.Do(func() { asked.programs = askAll(t) })
	if asked.programs == nil {
		t.Fatal("jobbox or jobsim could not be asked: see the test before")
	}
	return asked.programs
}

var asked struct {
	sync.Once
	programs map[string]program
}

func askAll(t *testing.T) map[string]program {
	bin := t.TempDir()
	output(t, nil, "make", "-s", "all", "sim", "BIN="+bin)
	out := map[string]program{}
	for name, listed := range map[string]string{"jobbox": `(?m)^  ([a-z]+)  `, "jobsim": `(?m)^  jobsim ([a-z-]+) `} {
		p := program{help: map[string]string{}, all: ask(t, filepath.Join(bin, name), "--help")}
		for _, m := range regexp.MustCompile(listed).FindAllStringSubmatch(p.all, -1) {
			if slices.Contains(unlisted, m[1]) {
				continue
			}
			p.help[m[1]] = ask(t, filepath.Join(bin, name), m[1], "--help")
		}
		if len(p.help) < 3 {
			t.Fatalf("%s --help lists %d commands: %s", name, len(p.help), p.all)
		}
		for _, text := range p.help {
			p.all += text
		}
		out[name] = p
	}
	return out
}

func ask(t *testing.T, argv ...string) string {
	t.Helper()
	said, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, said)
	}
	return string(said)
}

// unlisted are names that have no help of their own.
var unlisted = []string{"help"}

var (
	call   = regexp.MustCompile(`(?:^|[\s/;&|(])(jobbox|jobsim)\s+([a-z][a-z-]*)(?:\s|$)([^|;&)]*)`)
	option = regexp.MustCompile(`(?:^|\s)(--[a-z][a-z0-9-]*)`)
)

// foreign are options of other programs that documents name on their own.
var foreign = []string{"--endpoint-url", "--cli-input-json", "--help", "--version"}

// Every `jobbox X` and `jobsim X` in a document exists, and so does each flag
// written after it.
func TestDocumentsCommands(t *testing.T) {
	progs := programs(t)
	calls := 0
	for _, p := range pages(t) {
		for _, line := range p.code {
			line, _, _ := strings.Cut(line, " # ")
			line = strings.ReplaceAll(line, "init.d/jobbox", "init.d/it") // a service's script is none of ours
			for _, m := range call.FindAllStringSubmatch(line, -1) {
				calls++
				name, command, rest := m[1], m[2], m[3]
				help, ok := progs[name].help[command]
				if !ok {
					if !slices.Contains(unlisted, command) {
						t.Errorf("%s: %q: there is no %s %s", p.name, line, name, command)
					}
					continue
				}
				for _, f := range option.FindAllStringSubmatch(rest, -1) {
					if !mentions(help, f[1]) && !slices.Contains(foreign, f[1]) {
						t.Errorf("%s: %q: %s %s --help knows no %s", p.name, line, name, command, f[1])
					}
				}
			}
		}
	}
	if calls == 0 {
		t.Error("no document shows a command: the test looks at nothing")
	}
	readme := read(t, "README.md")
	for command := range progs["jobbox"].help {
		if !strings.Contains(readme, "jobbox "+command) {
			t.Errorf("README.md does not say what `jobbox %s` is for", command)
		}
	}
}

// An option that a document names by itself, as `--this`, is one of ours.
func TestDocumentsOptions(t *testing.T) {
	progs := programs(t)
	for _, p := range pages(t) {
		for _, code := range p.code {
			m := option.FindStringSubmatch(code)
			if m == nil || !strings.HasPrefix(code, "--") || slices.Contains(foreign, m[1]) {
				continue
			}
			if !mentions(progs["jobbox"].all, m[1]) && !mentions(progs["jobsim"].all, m[1]) {
				t.Errorf("%s: no --help knows %q", p.name, m[1])
			}
		}
	}
}

// mentions says whether text names a flag, and not only a longer one.
func mentions(text, name string) bool {
	return regexp.MustCompile(regexp.QuoteMeta(name) + `($|[^a-z0-9-])`).MatchString(text)
}

// Every `make X` in a document is a target, and every target that make help
// lists is explained in docs/DEVELOPING.md.
func TestDocumentsMakeTargets(t *testing.T) {
	listed := map[string]bool{}
	for _, line := range lines(output(t, nil, "make", "-s", "help")) {
		listed[strings.Fields(line)[0]] = true
	}
	if len(listed) < 10 {
		t.Fatalf("make help lists %v", listed)
	}
	oneCore := regexp.MustCompile(`^cross-[a-z0-9]+$`)
	makeCall := regexp.MustCompile(`(?:^|[;&$]\s*)make((?: +[A-Za-z][A-Za-z0-9_=./-]*)+)`)
	for _, p := range pages(t) {
		for _, line := range p.code {
			for _, m := range makeCall.FindAllStringSubmatch(line, -1) {
				for _, target := range strings.Fields(m[1]) {
					if !strings.Contains(target, "=") && !listed[target] && !oneCore.MatchString(target) {
						t.Errorf("%s: %q: make help knows no %s", p.name, line, target)
					}
				}
			}
		}
	}
	developing := read(t, "docs/DEVELOPING.md")
	for target := range listed {
		if target != "all" && !strings.Contains(developing, "make "+target) {
			t.Errorf("docs/DEVELOPING.md does not say what `make %s` is for", target)
		}
	}
}

// Every link to a file or a heading of ours leads there, and every document is
// linked from README.md.
func TestDocumentsLinks(t *testing.T) {
	all := pages(t)
	for _, p := range all {
		for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(p.text, ""), -1) {
			checkLink(t, p, m[1])
		}
		if strings.HasPrefix(p.name, "docs/") && !strings.Contains(read(t, "README.md"), "("+p.name+")") {
			t.Errorf("README.md does not link to %s", p.name)
		}
	}
}

func checkLink(t *testing.T, p page, to string) {
	if strings.Contains(to, "://") || strings.HasPrefix(to, "mailto:") {
		return
	}
	file, anchor, _ := strings.Cut(to, "#")
	text := p.text
	if file != "" {
		target := filepath.Join(filepath.Dir(p.name), file)
		info, err := os.Stat(filepath.Join(root, target))
		if err != nil {
			t.Errorf("%s links to %q, which does not exist", p.name, to)
			return
		}
		if info.IsDir() || anchor == "" {
			return
		}
		text = read(t, target)
	}
	for _, h := range heading.FindAllStringSubmatch(text, -1) {
		if slug(h[1]) == anchor {
			return
		}
	}
	t.Errorf("%s links to %q: no such heading", p.name, to)
}

// slug is the name that GitHub and others give a heading.
func slug(heading string) string {
	kept := strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r > 127:
			return r
		}
		return -1
	}, strings.ToLower(heading))
	return kept
}

// Files that a document names in a code span, by a path of ours, exist.
func TestDocumentsPaths(t *testing.T) {
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	var tops []string
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") && e.Name() != "bin" && e.Name() != "dist" {
			tops = append(tops, regexp.QuoteMeta(e.Name()))
		}
	}
	path := regexp.MustCompile(`^(?:\./)?((?:` + strings.Join(tops, "|") + `)/[A-Za-z0-9_./-]*)$`)
	for _, p := range pages(t) {
		for _, code := range p.code {
			m := path.FindStringSubmatch(code)
			if m == nil {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, m[1])); err != nil {
				t.Errorf("%s speaks of %q, which does not exist", p.name, m[1])
			}
		}
	}
}
