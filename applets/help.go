package applets

import (
	"fmt"
	"strings"

	"jobbox/internal/nearest"
)

// usage is what `jobbox --help` prints.
func usage() string {
	var b strings.Builder
	b.WriteString("Usage: jobbox APPLET [ARGUMENT...]\n\n")
	b.WriteString("The device side of AWS IoT Jobs in one static file.\n\nApplets:\n")
	for _, a := range shown() {
		fmt.Fprintf(&b, "  %-10s  %s\n", a.Name, a.Summary)
	}
	b.WriteString("\n\"jobbox APPLET --help\" says more about one. A link to jobbox that is named\n")
	b.WriteString("after an applet is that applet; one named aws-iot-device-client is the agent.\n")
	return b.String()
}

// help is `jobbox help [APPLET]`.
func help(args []string, env *Env) int {
	if len(args) == 0 {
		fmt.Fprint(env.Stdout, usage())
		return ExitOK
	}
	a, ok := registry[args[0]]
	if !ok || a.Hidden {
		return unknown(args[0], env)
	}
	fmt.Fprint(env.Stdout, a.help())
	return ExitOK
}

func (a Applet) help() string {
	text := a.Help
	if a.HelpText != nil {
		text = a.HelpText()
	}
	out := fmt.Sprintf("Usage: jobbox %s\n\n%s.\n", a.Usage, capital(a.Summary))
	if text = strings.TrimSpace(text); text != "" {
		out += "\n" + text + "\n"
	}
	return out
}

func capital(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// suggestion is what to say after an applet's name that is not one.
func suggestion(name string) string {
	if strings.HasPrefix(name, "-") {
		return fmt.Sprintf("; for the agent's options: jobbox agent %s", name)
	}
	names := make([]string, 0, len(registry))
	for _, a := range shown() {
		names = append(names, a.Name)
	}
	if near, ok := nearest.Find(name, names); ok {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}
