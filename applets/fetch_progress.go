//go:build !exclude_fetch

package applets

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	barWidth = 40
	barEvery = 200 * time.Millisecond
)

// A progressBar is one line of a terminal that says how far a download is. On
// anything but a terminal it stays silent.
type progressBar struct {
	w     io.Writer // nil: silent
	shown time.Time
}

func newProgressBar(w io.Writer) *progressBar {
	f, ok := w.(*os.File)
	if !ok {
		return &progressBar{}
	}
	if _, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS); err != nil {
		return &progressBar{}
	}
	return &progressBar{w: w}
}

func (b *progressBar) show(have, total int64) {
	if b.w == nil || (time.Since(b.shown) < barEvery && have != total) {
		return
	}
	b.shown = time.Now()
	fmt.Fprint(b.w, "\r", barLine(have, total), "\x1b[K")
}

// clear takes the bar away, so that a line can be written.
func (b *progressBar) clear() {
	if b.w != nil && !b.shown.IsZero() {
		fmt.Fprint(b.w, "\r\x1b[K")
	}
}

func barLine(have, total int64) string {
	if total <= 0 {
		return fmt.Sprintf("%d kB", have>>10)
	}
	full := int(float64(have) / float64(total) * barWidth)
	return fmt.Sprintf("[%-*s] %3d%% of %d kB", barWidth, strings.Repeat("=", full), int(float64(have)/float64(total)*100), total>>10)
}
