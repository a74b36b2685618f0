package config

import (
	"strings"
	"time"

	"jobbox/internal/logging"
)

// option is one thing that can be configured. The table of them is the only
// list of keys, flags and environment variables there is: the help and the
// manual are made from it.
type option struct {
	key     string // dotted path in the file; empty where the file has no such key
	flag    string // without its dashes; empty where there is none
	arg     string // what the flag takes, for the help
	def     string // the default as the file would hold it; empty for none
	meaning string // with its range
	set     setter
}

// setter checks a value and puts it into the draft.
type setter func(d *draft, v value) error

// env is the environment variable of an option that has a flag.
func (o option) env() string {
	if o.flag == "" {
		return ""
	}
	return "JOBBOX_" + strings.ToUpper(strings.ReplaceAll(o.flag, "-", "_"))
}

// name is the option's own, whatever way it was given.
func (o option) name() string {
	if o.key != "" {
		return o.key
	}
	return "--" + o.flag
}

// Defaults of what lies outside the jobs section.
const (
	defaultPort      = 8883
	defaultKeepAlive = 120 * time.Second
	defaultLogFile   = "/var/log/jobbox/jobbox.log"
)

// The kinds of log, as in logging.type.
const (
	LogStdout = "STDOUT"
	LogFile   = "FILE"
	LogSyslog = "SYSLOG"
)

var options = append([]option{
	{"", "config-file", "FILE", "", "the file to read; else /etc/jobbox/jobbox.conf, else ~/.aws-iot-device-client/aws-iot-device-client.conf", setPath(func(d *draft) *string { return &d.File })},
	{"endpoint", "endpoint", "HOST", "", "required; the host name of the account's AWS IoT endpoint, nothing else", setHost(func(d *draft) *string { return &d.Endpoint })},
	{"port", "port", "N", "8883", "1 to 65535; on 443 the ALPN protocol x-amzn-mqtt-ca is offered", setInt(func(d *draft) *int { return &d.Port }, 1, 65535)},
	{"cert", "cert", "FILE", "", "required; the device's certificate, PEM", setPath(func(d *draft) *string { return &d.Cert })},
	{"key", "key", "FILE", "", "required; its private key, PEM: PKCS#1, PKCS#8 or SEC 1", setPath(func(d *draft) *string { return &d.Key })},
	{"root-ca", "root-ca", "FILE", "", "certificates to trust the endpoint by, PEM; without it the system's", setPath(func(d *draft) *string { return &d.RootCA })},
	{"thing-name", "thing-name", "NAME", "", "required; also the MQTT client id: 1 to 128 of a-z A-Z 0-9 : _ -", setThingName},
	{"keep-alive", "keep-alive", "SECONDS", "120", "30 to 1200; the silence after which a connection is tested", setSeconds(func(d *draft) *time.Duration { return &d.KeepAlive }, 30, 1200)},
	{"", "http-proxy-config", "FILE", "~/.aws-iot-device-client/http-proxy.conf", "the HTTP proxy's file; no proxy where there is none", setPath(func(d *draft) *string { return &d.proxyFile })},
	{"logging.level", "log-level", "LEVEL", "INFO", "DEBUG, INFO, WARN or ERROR, in any case", setLevel},
	{"logging.type", "log-type", "TYPE", "STDOUT", "STDOUT, FILE or SYSLOG, in any case", setLogType},
	{"logging.file", "log-file", "FILE", defaultLogFile, "where the log goes for FILE; made with mode 0600, kept within 1 MiB", setPath(func(d *draft) *string { return &d.Log.File })},
}, jobOptions...)

func setPath(dst func(*draft) *string) setter {
	return func(d *draft, v value) error {
		s, err := v.str()
		if err != nil {
			return err
		}
		p, err := d.home.path(s)
		if err != nil {
			return v.errorf("%w", err)
		}
		*dst(d) = p
		return nil
	}
}

func setHost(dst func(*draft) *string) setter {
	return func(d *draft, v value) error {
		s, err := v.str()
		if err != nil {
			return err
		}
		if err := checkHost(s); err != nil {
			return v.errorf("%w", err)
		}
		*dst(d) = s
		return nil
	}
}

func setInt(dst func(*draft) *int, lo, hi int64) setter {
	return func(d *draft, v value) error {
		n, err := v.integer(lo, hi, "")
		if err == nil {
			*dst(d) = int(n)
		}
		return err
	}
}

func setLimit(dst func(*Limits) **uint64, lo, hi int64) setter {
	return func(d *draft, v value) error {
		n, err := v.integer(lo, hi, "")
		if err == nil {
			limit := uint64(n)
			*dst(&d.Jobs.Limits) = &limit
		}
		return err
	}
}

func setSeconds(dst func(*draft) *time.Duration, lo, hi int64) setter {
	return func(d *draft, v value) error {
		n, err := v.integer(lo, hi, " seconds")
		if err == nil {
			*dst(d) = time.Duration(n) * time.Second
		}
		return err
	}
}

func setBool(dst func(*draft) *bool) setter {
	return func(d *draft, v value) error {
		b, err := v.boolean()
		if err == nil {
			*dst(d) = b
		}
		return err
	}
}

func setLevel(d *draft, v value) error {
	s, err := v.str()
	if err != nil {
		return err
	}
	if d.Log.Level, err = logging.ParseLevel(s); err != nil {
		return v.errorf("%w", err)
	}
	return nil
}

func setLogType(d *draft, v value) error {
	s, err := v.str()
	if err != nil {
		return err
	}
	switch t := strings.ToUpper(s); t {
	case LogStdout, LogFile, LogSyslog:
		d.Log.Type = t
		return nil
	}
	return v.errorf("want STDOUT, FILE or SYSLOG, got %q", s)
}
