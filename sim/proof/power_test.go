package proof

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jobbox/sim/lab"
)

// bootID has the agent see a boot id of the test's own: a reboot is a change of
// that file.
func bootID(t *testing.T, d *lab.Device, id string) {
	t.Helper()
	file := d.Path("boot_id")
	must(t, os.WriteFile(file, []byte(id+"\n"), 0o644))
	d.Prefix = []string{"unshare", "-m", "sh", "-c",
		`mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"`, file}
}

// powerCut takes everything down that is not on disk: agent, runner and steps,
// and what was in /run.
func powerCut(t *testing.T, d *lab.Device, nextBoot string) {
	t.Helper()
	d.PowerCut()
	entries, err := filepath.Glob(filepath.Join(d.RunDir, "*"))
	must(t, err)
	for _, e := range entries {
		must(t, os.RemoveAll(e))
	}
	bootID(t, d, nextBoot)
}

// attempts are the steps that ran, in their order, and as which attempts.
func attempts(marks string) (steps []int, of map[int][]int, err error) {
	of = map[int][]int{}
	for line := range strings.Lines(marks) {
		var step, attempt int
		if _, err := fmt.Sscanf(line, "%d %d\n", &step, &attempt); err != nil {
			return nil, nil, fmt.Errorf("mark %q: %w", line, err)
		}
		if len(steps) == 0 || steps[len(steps)-1] != step {
			steps = append(steps, step)
		}
		of[step] = append(of[step], attempt)
	}
	return steps, of, nil
}

// onceOrInterrupted is right where the power was off once: the steps that run
// undisturbed, in their order, and of one of them, the interrupted one, an
// attempt more. An attempt that the journal had begun and that the cut was
// faster than leaves no mark.
func onceOrInterrupted(got, undisturbed string) error {
	steps, ran, err := attempts(got)
	wantSteps, want, wantErr := attempts(undisturbed)
	if err != nil || wantErr != nil || fmt.Sprint(steps) != fmt.Sprint(wantSteps) {
		return fmt.Errorf("ran %q; want the steps of %q (%v)", got, undisturbed, err)
	}
	more, missing := 0, 0
	for _, step := range steps {
		a, w := ran[step], want[step]
		for i := 1; i < len(a); i++ {
			if a[i] <= a[i-1] {
				return fmt.Errorf("ran %q: step %d again as attempt %d", got, step, a[i])
			}
		}
		last := a[len(a)-1]
		more += last - w[len(w)-1]
		missing += last - len(a)
		if last < w[len(w)-1] {
			return fmt.Errorf("ran %q: step %d ended with attempt %d; want %q", got, step, last, undisturbed)
		}
	}
	if more > 1 || missing > 1 {
		return fmt.Errorf("ran %q: %d attempts more than %q, %d without a mark; one may be interrupted", got, more, undisturbed, missing)
	}
	return nil
}

// TestOnceOrInterrupted shows what it takes and what not.
func TestOnceOrInterrupted(t *testing.T) {
	for _, tt := range []struct {
		got, undisturbed string
		right            bool
	}{
		{"1 1\n2 1\n", "1 1\n2 1\n", true},
		{"1 1\n1 2\n2 1\n", "1 1\n2 1\n", true},
		{"1 2\n2 1\n", "1 1\n2 1\n", true},
		{"1 1\n1 1\n2 1\n", "1 1\n2 1\n", false},
		{"1 1\n1 2\n2 1\n2 2\n", "1 1\n2 1\n", false},
		{"1 1\n2 1\n1 2\n", "1 1\n2 1\n", false},
		{"1 1\n", "1 1\n2 1\n", false},
		{"1 1\n2 1\n3 1\n", "1 1\n2 1\n", false},
		{"1 1\n1 2\n1 3\n", "1 1\n1 2\n", true},
		{"1 1\n", "1 1\n1 2\n", false},
		{"x\n", "1 1\n", false},
	} {
		if err := onceOrInterrupted(tt.got, tt.undisturbed); (err == nil) != tt.right {
			t.Errorf("onceOrInterrupted(%q, %q) = %v; want right: %v", tt.got, tt.undisturbed, err, tt.right)
		}
	}
}
