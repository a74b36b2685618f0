package fetch

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// checkpointEvery is how many bytes a power cut may cost, and how often the
// flash is made to write.
const checkpointEvery = 8 << 20

// begin prepares the part for what r brings.
func (p *part) begin(r reply, most int64) error {
	if r.start != p.size {
		if err := p.restart(); err != nil {
			return err
		}
	}
	p.joined = p.joined || r.start > 0
	p.validator = r.validator
	if r.total >= 0 && most > 0 && r.total > most {
		return p.tooLong(most)
	}
	return p.checkSpace(r.total)
}

func (p *part) tooLong(most int64) error {
	p.discard()
	return final(fmt.Errorf("the file is longer than %d bytes, the limit", most))
}

// checkSpace fails before the disk is full rather than after.
func (p *part) checkSpace(total int64) error {
	var st unix.Statfs_t
	if total < 0 || unix.Statfs(filepath.Dir(p.path), &st) != nil || st.Blocks == 0 {
		return nil
	}
	// The fields' types differ from one machine to the next.
	free := int64(st.Bavail) * int64(st.Bsize)
	if need := total - p.size; need > free {
		p.discard()
		return final(fmt.Errorf("no space left for %q: it needs %d bytes more, %d are free", p.file, need, free))
	}
	return nil
}

// receive appends the content to the part until it ends.
func (p *part) receive(body io.Reader, total int64, o *Options) error {
	buffer := make([]byte, 32<<10)
	for {
		n, err := body.Read(buffer)
		if n > 0 {
			if err := p.append(buffer[:n], o.MaxBytes); err != nil {
				return err
			}
			o.Progress(p.size, total)
		}
		switch {
		case err == io.EOF && total >= 0 && p.size != total:
			return fmt.Errorf("%d of %d bytes: %w", p.size, total, io.ErrUnexpectedEOF)
		case err == io.EOF:
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			return fmt.Errorf("nothing came for %v after %d bytes", o.Stall, p.size)
		case err != nil:
			return fmt.Errorf("after %d bytes: %w", p.size, err)
		}
	}
}

func (p *part) append(b []byte, most int64) error {
	if most > 0 && p.size+int64(len(b)) > most {
		return p.tooLong(most)
	}
	n, err := p.f.WriteAt(b, p.size)
	p.size += int64(n)
	p.received += int64(n)
	if err != nil {
		return p.failed(err)
	}
	if p.size-p.synced >= checkpointEvery {
		p.checkpoint()
	}
	return nil
}

// verify reads back what is there and compares its SHA-256 with the wanted one.
func (p *part) verify(want string) error {
	if want == "" {
		return nil
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(p.f, 0, p.size)); err != nil {
		return final(fmt.Errorf("read %q back: %w", p.path, scrubPath(err)))
	}
	got := hex.EncodeToString(h.Sum(nil))
	if got == want {
		return nil
	}
	err := fmt.Errorf("the file has the SHA-256 %s, wanted is %s", got, want)
	if p.joined { // its pieces may not belong together
		return errors.Join(err, p.restart())
	}
	p.discard()
	return final(err)
}
