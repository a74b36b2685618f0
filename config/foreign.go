package config

import (
	"fmt"
	"slices"

	"jobbox/internal/jsontext"
)

// feature is a part of the C++ client that jobbox does not have. What an
// existing file or start script says of it is accepted and not looked into.
type feature struct {
	name   string // its section in the file; dotted where it lies in another
	enable string // the flag that switches it on
	advice string // what to do about it, beside switching it off
	flags  []string
	bare   []string // flags that take no value
}

// features are those of the C++ client 1.10, from its manual and --help.
var features = []feature{
	{name: "tunneling", enable: "enable-tunneling", flags: []string{"tunneling-region", "tunneling-service"},
		bare: []string{"tunneling-disable-notification"}},
	{name: "device-defender", enable: "enable-device-defender", flags: []string{"device-defender-interval"}},
	{name: "fleet-provisioning", enable: "enable-fleet-provisioning",
		advice: "give the cert, key and thing-name that the device was provisioned with (aws-iot-device-client-runtime.conf holds them)",
		flags: []string{"fleet-provisioning-template-name", "fleet-provisioning-template-parameters", "csr-file", "device-key",
			"collect-system-information"}},
	{name: "runtime-config", advice: "give its cert, key and thing-name at the top of the file"},
	{name: "samples.pub-sub", enable: "enable-pub-sub", flags: []string{"publish-topic", "publish-file", "subscribe-topic", "subscribe-file"}},
	{name: "sample-shadow", enable: "enable-sample-shadow", flags: []string{"shadow-name", "shadow-input-file", "shadow-output-file"}},
	{name: "config-shadow", enable: "enable-config-shadow"},
	{name: "secure-element", enable: "enable-secure-element", advice: "give a private key's file as \"key\"",
		flags: []string{"pkcs11-lib", "secure-element-pin", "secure-element-key-label", "secure-element-slot-id", "secure-element-token-label"}},
	{name: "sensor-publish"},
	{name: sdkLogging, enable: "enable-sdk-logging", flags: []string{"sdk-log-level", "sdk-log-file"},
		bare: []string{"enable-sdk-logging"}},
}

// sdkLogging has no section of its own: its keys lie in "logging".
const sdkLogging = "logging.enable-sdk-logging"

// foreignKeys are keys of jobbox's own sections that only the C++ client needs.
var foreignKeys = []string{sdkLogging, "logging.sdk-log-level", "logging.sdk-log-file"}

// foreignFlag finds a flag of a feature: the feature, and whether the flag takes
// a value.
func foreignFlag(name string) (f feature, takesValue, found bool) {
	for _, f := range features {
		if slices.Contains(f.allFlags(), name) {
			return f, !slices.Contains(f.bare, name), true
		}
	}
	return feature{}, false, false
}

func (f feature) allFlags() []string {
	all := slices.Concat(f.flags, f.bare)
	if f.enable != "" && !slices.Contains(all, f.enable) {
		all = append(all, f.enable)
	}
	return all
}

// isForeign says whether the file's key at path belongs to a feature.
func isForeign(path string) bool {
	return slices.Contains(foreignKeys, path) || slices.ContainsFunc(features, func(f feature) bool { return f.name == path })
}

// isEnabled says whether a feature's part of the file switches it on, read as
// the C++ client reads it: what is no boolean does not.
func isEnabled(path string, v jsontext.Value) bool {
	key := map[string]string{"runtime-config": "completed-fp"}[path]
	if key == "" {
		key = "enabled"
	}
	switch path {
	case sdkLogging:
		on, err := v.Bool()
		return err == nil && on
	case "sensor-publish":
		return anySensor(v)
	}
	on, err := v.Get(key).Bool()
	return err == nil && on
}

// anySensor: a sensor is on unless it says that it is not.
func anySensor(v jsontext.Value) bool {
	sensors, _ := v.Get("sensors").Array()
	return slices.ContainsFunc(sensors, func(s jsontext.Value) bool {
		on, err := s.Get("enabled").Bool()
		return err != nil || on
	})
}

// warning names a feature that is switched on and not there.
func (f feature) warning() string {
	s := fmt.Sprintf("%s: is enabled, and jobbox does not have it: ignored", f.name)
	if f.advice != "" {
		s += "; " + f.advice
	}
	return s
}

// allForeignFlags lists the flags of all features in alphabetical order.
func allForeignFlags() []string {
	var out []string
	for _, f := range features {
		out = append(out, f.allFlags()...)
	}
	slices.Sort(out)
	return out
}
