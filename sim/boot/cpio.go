package boot

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// An entry is one file of an archive; mode holds the type bits of stat(2).
type entry struct {
	mode  uint32
	data  []byte
	major uint32 // of a device node
	minor uint32
}

// File types of stat(2), as cpio stores them.
const (
	typeDir  = 0o040000
	typeChar = 0o020000
	typeFile = 0o100000
	typeLink = 0o120000
)

// An Archive is the content of an initramfs: everything in it belongs to root.
// It needs neither root nor cpio(1), since device nodes are only records.
type Archive struct {
	entries map[string]entry
}

// NewArchive returns an empty one.
func NewArchive() *Archive {
	return &Archive{entries: map[string]entry{}}
}

// Dir adds a directory and, as 0755, those above it.
func (a *Archive) Dir(path string, perm uint32) { a.put(path, entry{mode: typeDir | perm}) }

// File adds a regular file.
func (a *Archive) File(path string, perm uint32, data []byte) {
	a.put(path, entry{mode: typeFile | perm, data: data})
}

// Link adds a symbolic link.
func (a *Archive) Link(path, target string) {
	a.put(path, entry{mode: typeLink | 0o777, data: []byte(target)})
}

// Char adds a character device.
func (a *Archive) Char(path string, perm, major, minor uint32) {
	a.put(path, entry{mode: typeChar | perm, major: major, minor: minor})
}

// Tree adds everything below the directory root of this machine, with the
// permissions that it has there.
func (a *Archive) Tree(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		return a.copyIn(strings.TrimPrefix(path, root), path, d)
	})
}

// copyIn adds the one file path as name.
func (a *Archive) copyIn(name, path string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	perm := uint32(info.Mode().Perm())
	switch {
	case d.IsDir():
		a.Dir(name, perm)
	case d.Type()&fs.ModeSymlink != 0:
		target, err := os.Readlink(path)
		if err != nil {
			return err
		}
		a.Link(name, target)
	case d.Type().IsRegular():
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		a.File(name, perm, data)
	default:
		return fmt.Errorf("archive %q: neither file, directory nor link", path)
	}
	return nil
}

func (a *Archive) put(path string, e entry) {
	path = strings.Trim(path, "/")
	for dir := filepath.Dir(path); dir != "."; dir = filepath.Dir(dir) {
		if _, there := a.entries[dir]; !there {
			a.entries[dir] = entry{mode: typeDir | 0o755}
		}
	}
	a.entries[path] = e
}

// Bytes is the archive in the "newc" format, the one that Linux unpacks.
func (a *Archive) Bytes() []byte {
	names := make([]string, 0, len(a.entries))
	for name := range a.entries {
		names = append(names, name)
	}
	sort.Strings(names) // a directory comes before what is in it
	var b bytes.Buffer
	for i, name := range names {
		writeRecord(&b, i+1, name, a.entries[name])
	}
	writeRecord(&b, 0, "TRAILER!!!", entry{})
	return b.Bytes()
}

// writeRecord appends one header, name and content, each padded to four bytes.
// The zero owner and time make the same tree the same archive.
func writeRecord(b *bytes.Buffer, inode int, name string, e entry) {
	const uid, gid, links, mtime, devMajor, devMinor, check = 0, 0, 1, 0, 0, 0, 0
	fmt.Fprintf(b, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s\x00",
		inode, e.mode, uid, gid, links, mtime, len(e.data), devMajor, devMinor,
		e.major, e.minor, len(name)+1, check, name)
	pad(b)
	b.Write(e.data)
	pad(b)
}

func pad(b *bytes.Buffer) {
	for b.Len()%4 != 0 {
		b.WriteByte(0)
	}
}
