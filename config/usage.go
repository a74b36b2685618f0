package config

import (
	"fmt"
	"strings"
)

// Usage is the part of a program's help that is about configuration, made from
// the table of options. It ends in a newline.
func Usage() string {
	var b strings.Builder
	b.WriteString("Options, as --option VALUE or --option=VALUE:\n")
	for _, o := range options {
		if o.flag != "" {
			usageFlag(&b, o)
		}
	}
	b.WriteString("\nKeys of the file that have no option:\n")
	for _, o := range options {
		if o.flag == "" {
			fmt.Fprintf(&b, "  %s%s\n%s", o.key, byDefault(o), indent(o.meaning))
		}
	}
	b.WriteString(usageRules)
	b.WriteString("\nOptions of the C++ client that are accepted for parts that jobbox does not have:\n")
	b.WriteString(indent("--" + strings.Join(allForeignFlags(), " --")))
	return b.String()
}

func usageFlag(b *strings.Builder, o option) {
	fmt.Fprintf(b, "  --%s %s%s\n%s", o.flag, o.arg, byDefault(o), indent(o.meaning))
	key := ""
	if o.key != "" {
		key = "key " + o.key + ", "
	}
	fmt.Fprintf(b, "      (%svariable %s)\n", key, o.env())
}

func byDefault(o option) string {
	if o.def == "" {
		return ""
	}
	return "  [" + o.def + "]"
}

// indent breaks a text at 72 columns, six in.
func indent(text string) string {
	var b strings.Builder
	line := ""
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > 66 {
			b.WriteString("      " + line + "\n")
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return b.String() + "      " + line + "\n"
}

const usageRules = `
Defaults stand in brackets. The file counts more than they, the environment more
than the file, the command line most. A leading ~ in a path is the agent's home.

The file is JSON, that of the AWS IoT Device Client (C++); its parts that jobbox
does not have, and their options, are accepted, and named at WARN where they are
switched on.

The HTTP proxy's file is JSON too: http-proxy-enabled, http-proxy-host,
http-proxy-port, http-proxy-auth-method (UserNameAndPassword or None),
http-proxy-username, http-proxy-password.

Permissions: the private key is for its owner alone (0600 or 0400); certificates
are written by their owner alone (0644); no file may be writable by others, or
lie in a directory that they may write, unless it has the sticky bit; the
handler directory and the handlers in it have mode 0700 or 0500.

Everything that is wrong with the configuration is said at once, before anything
connects; the exit status is 78 then.
`
