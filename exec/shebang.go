package exec

import "bytes"

// maxShebang is how much of a script's first line the kernel reads
// (BINPRM_BUF_SIZE: 256 since Linux 5.1, 128 before).
const maxShebang = 256

// parseShebang reads the first bytes of a file as the kernel does
// (fs/binfmt_script.c): an interpreter, and all the rest of the line as one
// argument at most. ok is false where the file is no script that a kernel runs.
func parseShebang(head []byte) (interpreter, arg string, ok bool) {
	if len(head) > maxShebang {
		head = head[:maxShebang]
	}
	line, ok := bytes.CutPrefix(head, []byte("#!"))
	if !ok {
		return "", "", false
	}
	whole := len(head) < maxShebang // the file ends here: so does its line
	if i := bytes.IndexByte(line, '\n'); i >= 0 {
		line, whole = line[:i], true
	} else if !whole {
		line = line[:len(line)-1] // the kernel keeps a byte to end the string
	}
	if i := bytes.IndexByte(line, 0); i >= 0 {
		line, whole = line[:i], true
	}
	name := bytes.TrimLeft(line, " \t")
	end := bytes.IndexAny(name, " \t")
	if end < 0 {
		// A name cut off by the end of the buffer would be another name.
		return string(name), "", whole && len(name) > 0
	}
	return string(name[:end]), string(bytes.Trim(name[end:], " \t")), end > 0
}
