package broker

import (
	"fmt"
	"strings"
	"testing"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// everything that the minimal policy allows a device, and what it may not do.
func TestMinimalPolicy(t *testing.T) {
	policy, me := Minimal(), Identity{Thing: "me", ClientID: "me"}
	allowed := []string{
		"iot:Connect client/me",
		"iot:Publish topic/$aws/things/me/jobs/start-next",
		"iot:Publish topic/$aws/things/me/jobs/job-1/update",
		"iot:Subscribe topicfilter/$aws/things/me/jobs/start-next/accepted",
		"iot:Subscribe topicfilter/$aws/things/me/jobs/start-next/rejected",
		"iot:Subscribe topicfilter/$aws/things/me/jobs/+/update/accepted",
		"iot:Subscribe topicfilter/$aws/things/me/jobs/+/update/rejected",
		"iot:Subscribe topicfilter/$aws/things/me/jobs/job-1/update/rejected",
		"iot:Subscribe topicfilter/$aws/things/me/jobs/notify-next",
		"iot:Receive topic/$aws/things/me/jobs/start-next/accepted",
		"iot:Receive topic/$aws/things/me/jobs/job-1/update/accepted",
		"iot:Receive topic/$aws/things/me/jobs/notify-next",
	}
	forbidden := []string{
		"iot:Connect client/other",
		"iot:Connect client/me2",
		"iot:Connect client/",
		"iot:Publish topic/$aws/things/me/jobs/get",
		"iot:Publish topic/$aws/things/me/jobs/job-1/get",
		"iot:Publish topic/$aws/things/me/jobs/$next/get",
		"iot:Publish topic/$aws/things/me/jobs/start-next/accepted",
		"iot:Publish topic/$aws/things/me/jobs/job-1/update/accepted",
		"iot:Publish topic/$aws/things/other/jobs/start-next",
		"iot:Publish topic/$aws/things/me/shadow/update",
		"iot:Publish topic/anything",
		"iot:Subscribe topicfilter/$aws/things/me/jobs/notify",
		"iot:Subscribe topicfilter/$aws/things/me/jobs/#",
		"iot:Subscribe topicfilter/$aws/things/me/jobs/+",
		"iot:Subscribe topicfilter/$aws/things/+/jobs/notify-next",
		"iot:Subscribe topicfilter/$aws/things/other/jobs/notify-next",
		"iot:Subscribe topicfilter/$aws/things/me/jobs/get/accepted",
		"iot:Subscribe topicfilter/#",
		"iot:Receive topic/$aws/things/me/jobs/notify",
		"iot:Receive topic/$aws/things/other/jobs/notify-next",
		"iot:RetainPublish topic/$aws/things/me/jobs/start-next",
	}
	for list, want := range map[*[]string]bool{&allowed: true, &forbidden: false} {
		for _, s := range *list {
			action, resource, _ := strings.Cut(s, " ")
			if got := policy.Allows(me, action, resource); got != want {
				t.Errorf("Allows(%s) = %v; want %v", s, got, want)
			}
		}
	}
}

func TestGlob(t *testing.T) {
	me := Identity{Thing: "me*", ClientID: ""}
	tests := []struct {
		pattern, name string
		want          bool
	}{
		{"a/*/c", "a/b/c", true},
		{"a/*/c", "a/b/b/c", true},
		{"a/*/c", "a/c", false},
		{"a?c", "abc", true},
		{"a?c", "ac", false},
		{"*", "", true},
		{"", "a", false},
		{"a+b", "aab", false},
		{"x/${iot:Connection.Thing.ThingName}/y", "x/me*/y", true},
		{"x/${iot:Connection.Thing.ThingName}/y", "x/mexico/y", false}, // the name is no pattern
		{"x/${iot:ClientId}", "x/", false},                             // nothing is known
		{"x/${iot:Unknown}", "x/me*", false},
	}
	for _, tt := range tests {
		if got := glob(tt.pattern, tt.name, me); got != tt.want {
			t.Errorf("glob(%q, %q) = %v; want %v", tt.pattern, tt.name, got, tt.want)
		}
	}
}

func TestParsePolicy(t *testing.T) {
	tests := []struct{ doc, want string }{
		{`{"Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}`, ""},
		{`{"Statement":[{"Effect":"Maybe","Action":"iot:*","Resource":"*"}]}`, `want Allow or Deny, got "Maybe"`},
		{`{"Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"topic/a"}]}`, `resource "topic/a" is not arn`},
		{`{"Statement":[{"Effect":"Allow","Action":7}]}`, "read policy"},
		{`hello`, "read policy"},
	}
	for _, tt := range tests {
		_, err := ParsePolicy([]byte(tt.doc))
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("ParsePolicy(%s): %v; want %q", tt.doc, err, tt.want)
		}
	}
}

func TestDenyWins(t *testing.T) {
	me := Identity{Thing: "me", ClientID: "me"}
	policy := AllJobs().Deny("iot:Publish", "topic/$aws/things/me/jobs/get")
	if policy.Allows(me, "iot:Publish", "topic/$aws/things/me/jobs/get") {
		t.Error("a denied topic is allowed")
	}
	if !policy.Allows(me, "iot:Publish", "topic/$aws/things/me/jobs/start-next") {
		t.Error("another topic is denied along with it")
	}
	if !Minimal().Allow("iot:Publish", "topic/log").Allows(me, "iot:Publish", "topic/log") {
		t.Error("what was added is not allowed")
	}
}

// What is outside the policy or the limits ends the connection.
func TestDisconnected(t *testing.T) {
	long := jobs("me", strings.Repeat("x", 300)+"/update")
	tests := []struct {
		name   string
		do     func(*client)
		reason string
	}{
		{"publish elsewhere", func(c *client) { c.publish("hello", "") }, "iot:Publish on topic/hello"},
		{"publish jobs/get", func(c *client) { c.publish(jobs("me", "get"), "") }, "jobs/get is not allowed"},
		{"another thing's start-next", func(c *client) { c.publish(jobs("you", "start-next"), "") }, "iot:Publish"},
		{"retained", func(c *client) { c.publishAs(jobs("me", "start-next"), nil, 1, true) }, "iot:RetainPublish"},
		{"QoS 2", func(c *client) { c.publishAs(jobs("me", "start-next"), nil, 2, false) }, "QoS 2"},
		{"big payload", func(c *client) { c.publishAs(jobs("me", "start-next"), make([]byte, 128<<10+1), 1, false) }, "131073 bytes: at most 131072"},
		{"long topic", func(c *client) { c.publish(long, "") }, "at most 256 bytes"},
		{"deep topic", func(c *client) { c.publish("a/b/c/d/e/f/g/h/i", "") }, "7 slashes"},
		{"subscribe notify", func(c *client) { c.subscribe(1, jobs("me", "notify")) }, "iot:Subscribe on topicfilter/$aws/things/me/jobs/notify is"},
		{"subscribe everything", func(c *client) { c.subscribe(1, "#") }, "iot:Subscribe on topicfilter/#"},
		{"one bad filter of two", func(c *client) { c.subscribe(1, jobs("me", "notify-next"), "x") }, "iot:Subscribe on topicfilter/x"},
		{"subscribe QoS 2", func(c *client) { c.subscribe(2, jobs("me", "notify-next")) }, "QoS 2"},
		{"malformed filter", func(c *client) { c.subscribe(1, "a/#/b") }, "no topic filter"},
		{"nine filters", func(c *client) { c.subscribe(1, many(9)...) }, "9 filters: at most 8"},
	}
	b := newBench(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := b.connect("me", clean)
			c.t = t
			mark := b.Seq()
			tt.do(c)
			c.gone()
			e := b.awaitAfter(mark, func(e Event) bool { return e.Kind == Violation })
			if !strings.Contains(e.Reason, tt.reason) {
				t.Errorf("reason %q; want %q", e.Reason, tt.reason)
			}
		})
	}
}

func many(n int) []string {
	var filters []string
	for i := range n {
		filters = append(filters, jobs("me", fmt.Sprintf("job-%d/update/accepted", i)))
	}
	return filters
}

func TestTooManySubscriptions(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Limits.Subscriptions = 10 })
	c := b.connect("me")
	filters := many(11)
	c.subscribed(filters[:8]...)
	c.subscribed(filters[6:10]...) // two of them again
	c.subscribe(1, filters[10])
	c.gone()
}

func TestRefusedBySuback(t *testing.T) {
	policy := Minimal()
	policy.RefuseBySuback = true
	b := newBench(t, func(o *Options) { o.Policy = policy })
	c := b.connect("me")
	if got := c.subscribed(jobs("me", "notify-next"), jobs("me", "notify")); string(got) != "\x01\x80" {
		t.Errorf("SUBACK %x; want 0180", got)
	}
	b.Faults().RefuseFilters(jobs("me", "start-next/accepted"))
	if got := c.subscribed(jobs("me", "start-next/accepted"), jobs("me", "start-next/rejected")); string(got) != "\x80\x01" {
		t.Errorf("SUBACK %x; want 8001", got)
	}
	c.ping()
}

func TestPolicyIsReplaced(t *testing.T) {
	b := newBench(t)
	b.SetPolicy(AllJobs())
	c := b.connect("me", func(p *packets.ConnectPacket) { p.ClientIdentifier = "anything" })
	if got := c.subscribed(jobs("me", "notify"), jobs("me", "#")); string(got) != "\x01\x01" {
		t.Errorf("SUBACK %x; want 0101", got)
	}
}
