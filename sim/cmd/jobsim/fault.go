package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"jobbox/sim/broker"
	"jobbox/sim/cloud"
	"jobbox/sim/service"
)

// faultRequest is a fault as the command sends it to the server.
type faultRequest struct {
	Kind         string        `json:"kind"`
	Words        []string      `json:"words,omitempty"` // what follows the kind
	Thing        string        `json:"thing,omitempty"`
	Topic        string        `json:"topic,omitempty"`
	Skip         int           `json:"skip,omitempty"`
	Times        int           `json:"times,omitempty"`
	Delay        time.Duration `json:"delay,omitempty"`
	For          time.Duration `json:"for,omitempty"`
	FromDevice   bool          `json:"fromDevice,omitempty"`
	LoseSessions bool          `json:"loseSessions,omitempty"`
}

// faultKind is one fault: how it is called and what carries it out.
type faultKind struct {
	name  string
	words string // that it needs
	help  string
	apply func(f faultRequest, c *cloud.Cloud) (string, error)
}

var faultKinds = []faultKind{
	{"drop", "", "end the connections (of --thing)", applyDrop},
	{"restart", "", "restart the broker (--lose-sessions)", applyRestart},
	{"refuse", "on|off", "end new connections at once", applyRefuse},
	{"refuse-connect", "CODE", "answer CONNECT with a return code, 3 for instance (--times)", applyRefuseConnect},
	{"stall", "tcp|tls|mqtt on|off", "accept and never answer", applyStall},
	{"message", strings.Join(actionNames(), "|"), "spoil messages (--topic FILTER --thing --from-device --skip --times --delay)", applyMessage},
	{"answer", "CODE", "answer requests with an error: " + strings.Join(codes, ", ") + " (--topic END --thing --times --for)", applyAnswer},
	{"throttle", "DURATION", "answer all requests with RequestThrottled", applyThrottle},
	{"clear", "", "end all faults", applyClear},
}

var actions = []struct {
	name   string
	action broker.Action
}{
	{"lose", broker.Lose}, {"unacknowledged", broker.Unacknowledged}, {"delay", broker.Delay}, {"duplicate", broker.Duplicate},
	{"hold", broker.Hold}, {"cut", broker.Cut}, {"cut-after", broker.CutAfter},
}

var codes = []string{"InvalidTopic", "InvalidJson", "InvalidRequest", "InvalidStateTransition", "ResourceNotFound",
	"VersionMismatch", "InternalError", "RequestThrottled", "TerminalStateReached"}

func actionNames() []string {
	var names []string
	for _, a := range actions {
		names = append(names, a.name)
	}
	return names
}

func runFault(ctx context.Context, c *call) error {
	var f faultRequest
	c.flags.StringVar(&f.Thing, "thing", "", "`NAME`, of the device; all without it")
	c.flags.StringVar(&f.Topic, "topic", "", "`TOPIC`, a filter for message, the end of a topic for answer")
	c.flags.IntVar(&f.Skip, "skip", 0, "`N`, messages to let pass first")
	c.flags.IntVar(&f.Times, "times", 0, "`N`, how often; 0 until clear")
	c.flags.DurationVar(&f.Delay, "delay", 0, "`DURATION`, of delay, and at most of hold")
	c.flags.DurationVar(&f.For, "for", 0, "`DURATION`, how long")
	c.flags.BoolVar(&f.FromDevice, "from-device", false, "messages from the device; else to it")
	c.flags.BoolVar(&f.LoseSessions, "lose-sessions", false, "the broker forgets its sessions")
	c.notes = faultHelp()
	words, err := c.parse(2, 4)
	if err != nil {
		return err
	}
	f.Kind, f.Words = words[1], words[2:]
	server, err := dial(words[0])
	if err != nil {
		return err
	}
	said, err := server.do(ctx, http.MethodPost, faultPath, f)
	if err != nil {
		return err
	}
	fmt.Fprintln(c.stdout, safe(said))
	return nil
}

func faultHelp() string {
	var b strings.Builder
	b.WriteString("\nFaults:\n")
	for _, k := range faultKinds {
		fmt.Fprintf(&b, "  %s\n        %s\n", strings.TrimSpace(k.name+" "+k.words), k.help)
	}
	return b.String()
}

// apply carries the fault out and says what has been done.
func (f faultRequest) apply(c *cloud.Cloud) (string, error) {
	i := slices.IndexFunc(faultKinds, func(k faultKind) bool { return k.name == f.Kind })
	if i < 0 {
		return "", fmt.Errorf("no fault %q; jobsim fault --help lists them", f.Kind)
	}
	k := faultKinds[i]
	if want := len(strings.Fields(k.words)); len(f.Words) != want {
		return "", fmt.Errorf("fault %s: want %q after it, got %q", k.name, k.words, f.Words)
	}
	return k.apply(f, c)
}

func applyDrop(f faultRequest, c *cloud.Cloud) (string, error) {
	return fmt.Sprintf("connections ended: %d", c.Faults().Drop(f.Thing)), nil
}

func applyRestart(f faultRequest, c *cloud.Cloud) (string, error) {
	c.Restart(!f.LoseSessions)
	return "broker restarted", nil
}

func applyRefuse(f faultRequest, c *cloud.Cloud) (string, error) {
	on, err := onOff(f.Words[0])
	if err != nil {
		return "", err
	}
	c.Faults().Refuse(on)
	return "refuse " + f.Words[0], nil
}

func applyRefuseConnect(f faultRequest, c *cloud.Cloud) (string, error) {
	code, err := strconv.ParseUint(f.Words[0], 10, 8)
	if err != nil {
		return "", fmt.Errorf("CONNACK return code %q: want a number up to 255", f.Words[0])
	}
	c.Faults().RefuseConnect(byte(code), f.Times)
	return "CONNECT will be refused", nil
}

func applyStall(f faultRequest, c *cloud.Cloud) (string, error) {
	stages := map[string]broker.Stage{"tcp": broker.StallTCP, "tls": broker.StallTLS, "mqtt": broker.StallMQTT}
	stage, ok := stages[f.Words[0]]
	if !ok {
		return "", fmt.Errorf("stall %q: want tcp, tls or mqtt", f.Words[0])
	}
	on, err := onOff(f.Words[1])
	if err != nil {
		return "", err
	}
	c.Faults().Stall(stage, on)
	return "stall " + strings.Join(f.Words, " "), nil
}

func applyMessage(f faultRequest, c *cloud.Cloud) (string, error) {
	i := slices.Index(actionNames(), f.Words[0])
	if i < 0 {
		return "", fmt.Errorf("message %q: want %s", f.Words[0], strings.Join(actionNames(), ", "))
	}
	rule := broker.Rule{Client: f.Thing, Topic: f.Topic, Action: actions[i].action, Delay: f.Delay, Skip: f.Skip, Times: f.Times}
	if f.FromDevice {
		rule.Direction = broker.FromDevice
	}
	c.Faults().Add(rule)
	return "messages will be spoilt: " + f.Words[0], nil
}

func applyAnswer(f faultRequest, c *cloud.Cloud) (string, error) {
	if !slices.Contains(codes, f.Words[0]) {
		return "", fmt.Errorf("answer %q: want %s", f.Words[0], strings.Join(codes, ", "))
	}
	c.Service.Faults().Add(service.Fault{Topic: f.Topic, Thing: f.Thing, Times: f.Times, For: f.For, Delay: f.Delay, Code: service.Code(f.Words[0])})
	return "requests will be answered with " + f.Words[0], nil
}

func applyThrottle(f faultRequest, c *cloud.Cloud) (string, error) {
	d, err := time.ParseDuration(f.Words[0])
	if err != nil || d <= 0 {
		return "", fmt.Errorf("throttle %q: want a duration such as 30s", f.Words[0])
	}
	c.Service.Faults().Throttle(d)
	return "throttling for " + d.String(), nil
}

func applyClear(_ faultRequest, c *cloud.Cloud) (string, error) {
	c.Faults().Clear()
	c.Service.Faults().Clear()
	return "all faults ended", nil
}

func onOff(s string) (bool, error) {
	if s != "on" && s != "off" {
		return false, fmt.Errorf("%q: want on or off", s)
	}
	return s == "on", nil
}
