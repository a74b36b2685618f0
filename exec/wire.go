package exec

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// A wire is one connection between client and runner, one JSON object a line.
type wire struct {
	c  *net.UnixConn
	r  *bufio.Reader
	mu sync.Mutex // of writing
}

func newWire(c *net.UnixConn) *wire { return &wire{c: c, r: bufio.NewReaderSize(c, 4096)} }

func (w *wire) Close() { w.c.Close() }

// writeTime is how long the other side may take to read before it is given up.
const writeTime = 30 * time.Second

func (w *wire) send(line []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.c.SetWriteDeadline(time.Now().Add(writeTime))
	_, err := w.c.Write(append(line, '\n'))
	return err
}

// receive returns the next line, of at most maxMessage bytes.
func (w *wire) receive() ([]byte, error) { return readLine(w.r, maxMessage) }

func readLine(r *bufio.Reader, most int) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > most {
			return nil, fmt.Errorf("a line of more than %d bytes", most)
		}
		if err == nil {
			return line[:len(line)-1], nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			if err == io.EOF && len(line) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
}
