package config

import (
	"os"
	"slices"
	"strings"
	"testing"

	"jobbox/internal/logging"
)

// deviceClientFile is testdata/device-client.json, which holds every key that
// the C++ client 1.10 reads, with its files on this device.
func (d *device) deviceClientFile(replace ...string) string {
	d.t.Helper()
	data, err := os.ReadFile("testdata/device-client.json")
	if err != nil {
		d.t.Fatal(err)
	}
	pairs := append([]string{"CERT", d.path("cert.pem"), "KEY", d.path("key.pem"), "ROOT", d.path("root.pem")}, replace...)
	return d.write("dc.conf", []byte(strings.NewReplacer(pairs...).Replace(string(data))), 0o640)
}

// ignored picks the features that warnings name.
func ignored(warnings []string) []string {
	var out []string
	for _, w := range warnings {
		if name, rest, ok := strings.Cut(w, ": "); ok && strings.HasPrefix(rest, "is enabled, and jobbox does not have it") {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

func featureNames() []string {
	var out []string
	for _, f := range features {
		out = append(out, f.name)
	}
	slices.Sort(out)
	return out
}

func TestDeviceClientFileLoads(t *testing.T) {
	d := newDevice(t)
	c, err := d.load("--config-file", d.deviceClientFile())
	if err != nil {
		t.Fatal(err)
	}
	if c.ThingName != "pump-7" || c.Log.Level != logging.Debug || c.Log.Type != LogFile ||
		c.Jobs.HandlerDir != d.path("home/handlers") || c.RootCA != d.path("root.pem") {
		t.Errorf("loaded %+v", c)
	}
	if got, want := ignored(c.Warnings), featureNames(); !slices.Equal(got, want) {
		t.Errorf("warned of %q; want each once: %q", got, want)
	}
}

func TestDisabledFeaturesAreNotNamed(t *testing.T) {
	d := newDevice(t)
	file := d.deviceClientFile(`"enabled": true`, `"enabled": false`, `"completed-fp": true`, `"completed-fp": false`,
		`"enable-sdk-logging": true`, `"enable-sdk-logging": false`, `"name": "two"`, `"enabled": false`)
	c, err := d.load("--config-file", file)
	if err != nil {
		t.Fatal(err)
	}
	if got := ignored(c.Warnings); len(got) != 0 {
		t.Errorf("warned of %q; want nothing", got)
	}
}

func TestForeignFlags(t *testing.T) {
	// Each feature is off or absent in the file; the flags alone decide.
	args := []string{"--tunneling-disable-notification", "--enable-sdk-logging"}
	for _, name := range allForeignFlags() {
		if _, takesValue, _ := foreignFlag(name); takesValue {
			args = append(args, "--"+name, "true")
		}
	}
	d := newDevice(t)
	c, err := d.load(d.flags(args...)...)
	if err != nil {
		t.Fatal(err)
	}
	want := slices.DeleteFunc(featureNames(), func(name string) bool { return name == "runtime-config" || name == "sensor-publish" })
	if got := ignored(c.Warnings); !slices.Equal(got, want) {
		t.Errorf("warned of %q; want %q", got, want)
	}
}

func TestFlagSwitchesFileFeatureOff(t *testing.T) {
	d := newDevice(t)
	file := d.write("c.conf", []byte(`{"tunneling":{"enabled":true},"device-defender":{"enabled":"true"}}`), 0o640)
	c, err := d.load(d.flags("--config-file", file, "--enable-tunneling", "false", "--enable-device-defender=false")...)
	if err != nil {
		t.Fatal(err)
	}
	if got := ignored(c.Warnings); len(got) != 0 {
		t.Errorf("warned of %q; want nothing", got)
	}
}

func TestSecretsOfForeignSectionsStayOut(t *testing.T) {
	d := newDevice(t)
	c, err := d.load(d.flags("--enable-secure-element", "true", "--secure-element-pin", "s3cr3t")...)
	if err != nil || strings.Contains(strings.Join(c.Warnings, "\n"), "s3cr3t") {
		t.Errorf("err %v, warnings %q", err, c.Warnings)
	}
}
