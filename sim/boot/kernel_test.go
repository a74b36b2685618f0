package boot

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestModulesInOrder(t *testing.T) {
	root := fakeKernel(t, `kernel/fs/ext4/ext4.ko: kernel/fs/jbd2/jbd2.ko kernel/lib/crc16.ko
kernel/fs/jbd2/jbd2.ko:
kernel/lib/crc16.ko:
kernel/drivers/net/virtio-net.ko: kernel/lib/crc16.ko
`)
	k, err := openKernel(root)
	if err != nil {
		t.Fatal(err)
	}
	files, err := k.Modules([]string{"ext4", "virtio_net"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range files {
		got = append(got, moduleName(f))
	}
	if want := strings.Fields("crc16 jbd2 ext4 virtio_net"); !reflect.DeepEqual(got, want) {
		t.Errorf("Modules = %q; want %q", got, want)
	}
	if _, err := k.Modules([]string{"nosuch"}); err == nil {
		t.Error("Modules of an unknown module: no error")
	}
}

// fakeKernel is an unpacked package with the given modules.dep.
func fakeKernel(t *testing.T, dep string) string {
	t.Helper()
	root := t.TempDir()
	for path, text := range map[string]string{"boot/vmlinuz-6": "", "lib/modules/6/modules.dep": dep} {
		file := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}
