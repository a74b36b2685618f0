package device

import (
	"os"
	"path/filepath"
	"testing"

	"jobbox/sim/pki"
)

func TestEquip(t *testing.T) {
	ca, err := pki.NewAuthority("test CA")
	if err != nil {
		t.Fatal(err)
	}
	f, err := Equip(filepath.Join(t.TempDir(), "pump"), ca, "pump", "localhost", 8883)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.AddHandler("greet", "#!/bin/sh\n"); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{
		f.Key: 0o600, f.Config: 0o640, f.HandlerDir: 0o700, f.StateDir: 0o700, f.RunDir: 0o755, filepath.Join(f.HandlerDir, "greet"): 0o700,
	} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, %v; want %v", path, info.Mode().Perm(), err, want)
		}
	}
	if _, err := pki.ReadPair(f.Cert, f.Key); err != nil {
		t.Error(err)
	}
}

func TestConfig(t *testing.T) {
	f := In(t.TempDir())
	c := f.Defaults("pump", "localhost", 8883)
	c.Section("jobs")["step-timeout"] = 5
	c.Section("new")["key"] = "value"
	if err := f.WriteConfig(c); err != nil {
		t.Fatal(err)
	}
	got, err := f.ReadConfig()
	if err != nil {
		t.Fatal(err)
	}
	if got.Section("jobs")["step-timeout"] != 5.0 || got.Section("new")["key"] != "value" || got["thing-name"] != "pump" {
		t.Errorf("read back %v", got)
	}
	if err := os.WriteFile(f.Config, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.ReadConfig(); err == nil {
		t.Error("half a file was read")
	}
}
