package exec

import (
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// shebangs are first bytes of files. What the kernel makes of them is asked of
// the kernel; @ stands for an interpreter that prints its arguments.
var shebangs = []struct{ name, head string }{
	{"plain", "#!@\n"},
	{"spaces before", "#! \t @\n"},
	{"one argument", "#!@ -e\n"},
	{"several words are one argument", "#!@ -e  -u\tx\n"},
	{"spaces after", "#!@ -e \t \n"},
	{"only spaces after", "#!@ \t\n"},
	{"no newline", "#!@"},
	{"no newline, an argument", "#!@ -x"},
	{"empty", "#!\n"},
	{"only spaces", "#!  \t\n"},
	{"nothing at all", "#!"},
	{"carriage return", "#!@\r\n"},
	{"carriage return after an argument", "#!@ -e\r\n"},
	{"NUL", "#!@\x00x\n"},
	{"NUL in the argument", "#!@ a\x00b\n"},
	{"not at the start", " #!@\n"},
	{"half of it", "#\n"},
	{"argument cut off by the buffer", "#!@ " + strings.Repeat("a", 300) + "\n"},
	{"name cut off by the buffer", "#!@" + strings.Repeat("b", 300) + "\n"},
	{"name ends with the buffer", "#!@" + strings.Repeat("/", 300) + " x\n"},
	{"newline is the last byte of the buffer", "#!@ $\n"},
	{"newline is the first byte after it", "#!@ $x\n"},
	{"spaces to the end of the buffer", "#!" + strings.Repeat(" ", 300) + "@\n"},
}

func TestShebangLikeTheKernel(t *testing.T) {
	dir := t.TempDir()
	printer := filepath.Join(dir, "printer")
	src := filepath.Join(dir, "printer.go")
	writeFile(t, src, `package main
import ("fmt"; "os")
func main() { fmt.Printf("%q", os.Args) }`, 0o600)
	if out, err := osexec.Command("go", "build", "-o", printer, src).CombinedOutput(); err != nil {
		t.Fatalf("build the interpreter: %v\n%s", err, out)
	}
	for _, tt := range shebangs {
		path := filepath.Join(dir, "script")
		text := strings.ReplaceAll(tt.head, "@", printer)
		text = strings.ReplaceAll(text, "$", strings.Repeat("c", maxShebang-len("#!")-len(printer)-len(" \n")))
		writeFile(t, path, text, 0o700)
		kernel := ""
		if out, err := osexec.Command(path, "A").Output(); err == nil {
			kernel = string(out)
		}
		ours := ""
		if interpreter, arg, ok := parseShebang([]byte(text)); ok {
			args := []string{path, "A"}
			if arg != "" {
				args = append([]string{arg}, args...)
			}
			if out, err := osexec.Command(interpreter, args...).Output(); err == nil {
				ours = string(out)
			}
		}
		if ours != kernel {
			t.Errorf("%s: %.80q runs %.300s; the kernel runs %.300s", tt.name, text, ours, kernel)
		}
	}
}

func FuzzShebang(f *testing.F) {
	for _, tt := range shebangs {
		f.Add([]byte(tt.head))
	}
	f.Fuzz(func(t *testing.T, head []byte) {
		interpreter, arg, ok := parseShebang(head)
		if !ok {
			return
		}
		if interpreter == "" || strings.ContainsAny(interpreter, " \t\n\x00") || strings.ContainsAny(arg, "\n\x00") ||
			strings.Trim(arg, " \t") != arg || len(interpreter)+len(arg) > maxShebang {
			t.Errorf("parseShebang(%q) = %q, %q", head, interpreter, arg)
		}
	})
}
